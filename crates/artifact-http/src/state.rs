//! What every route works with. Knows no route.

use std::future::Future;
use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use artifact_app::{Store, Verification};
use artifact_bootstrap::settings::Settings;
use artifact_bootstrap::{Access, TokenDesk, UrlSigner};
use artifact_domain::{Error, ErrorKind, Result};
use http::StatusCode;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;
use tracing::Instrument;

use crate::gate::{Doors, Work};
use crate::metrics::Metrics;
use crate::problem;
use crate::readiness::Readiness;
use crate::tus::Uploads;

/// What every route works with. Cloning it is cheap, and is done several times for each request.
#[derive(Debug, Clone)]
pub(crate) struct App(Arc<Shared>);

/// The same, once.
#[derive(Debug)]
pub(crate) struct Shared {
    store: Store,
    doors: Doors,
    pub(crate) metrics: Metrics,
    /// By which the server was started.
    pub(crate) settings: Settings,
    /// Signs URLs that lead here, and knows them again.
    pub(crate) signer: UrlSigner,
    /// Where tokens and keys are made and taken back.
    pub(crate) desk: TokenDesk,
    /// Whether what is read is compared with its digest.
    pub(crate) verification: Verification,
    /// Where files without names are made for what grows with the number of artifacts.
    pub(crate) temporary_folder: PathBuf,
    /// How long a body may stand still.
    pub(crate) patience: Duration,
    /// Resumable uploads on their way.
    pub(crate) uploads: Uploads,
    /// Whether it can serve, for those who ask all the time.
    pub(crate) readiness: Readiness,
    /// Origins whose pages may use the server, as the settings have them.
    pub(crate) cors_origins: Option<String>,
    /// What goes on though whoever asked for it may have gone.
    tasks: TaskTracker,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl App {
    pub(crate) fn new(store: Store, access: Access, settings: &Settings, metrics: Metrics) -> Self {
        let verification = if settings.verify_checksum {
            Verification::Digest
        } else {
            Verification::Skip
        };
        let signer = UrlSigner::new(settings);
        Self(Arc::new(Shared {
            desk: TokenDesk::new(access.tokens.clone(), signer.clone()),
            store,
            doors: Doors::new(access),
            metrics,
            settings: settings.clone(),
            signer,
            verification,
            temporary_folder: settings.base_path.clone(),
            patience: settings.http.idle_timeout(),
            uploads: Uploads::new(settings),
            readiness: Readiness::default(),
            cors_origins: settings.http.cors_origins.clone(),
            tasks: TaskTracker::new(),
        }))
    }

    /// The store, for what the server does of itself. A route comes to it by its
    /// [`Caller`](crate::gate::Caller).
    pub(crate) fn own_store(&self) -> &Store {
        &self.store
    }

    /// How long an archive may be that is to be imported, beside what it has for each file: no longer
    /// than what it may hold, or the store may.
    pub(crate) fn most_archive_bytes(&self, max_bytes: u64) -> u64 {
        let quota = self.settings.quota.max_storage_bytes();
        quota.map_or(max_bytes, |quota| quota.min(max_bytes))
    }

    /// The ways in.
    pub(crate) fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Runs what must not be cut off in the middle because a client goes away.
    pub(crate) fn finish<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> impl Future<Output = Result<T>> + Send {
        // What it holds meanwhile may be large.
        let work = Box::pin(work);
        async move {
            let status = |error: &Error| problem::status(error.kind());
            self.finish_as(work, status).await?
        }
    }

    /// The same where a fault is another one, whose status `status` tells.
    pub(crate) async fn finish_as<T, F>(
        &self,
        work: impl Future<Output = Result<T, F>> + Send + 'static,
        status: impl FnOnce(&F) -> StatusCode + Send + 'static,
    ) -> Result<Result<T, F>>
    where
        T: Send + 'static,
        F: Send + 'static,
    {
        let begun = Work::begin();
        let work = async move {
            let outcome = work.await;
            begun.end(outcome.as_ref().err().map(status)).await;
            outcome
        };
        let task = self.tasks.spawn(work.in_current_span());
        task.await.map_err(|fault| {
            Error::new(ErrorKind::Internal, "the request's work stopped").with_source(fault)
        })
    }

    /// Runs work to its end, whether or not anybody waits for it.
    pub(crate) fn go_on(&self, work: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
        self.tasks.spawn(work)
    }

    /// Waits for all that was begun and for what the store writes behind its answers.
    pub(crate) async fn settle(&self) {
        self.tasks.close();
        self.tasks.wait().await;
        self.store.settle().await;
        self.doors.note_uses().await;
    }
}

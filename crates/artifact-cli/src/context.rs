//! What every command works with: the settings, the store, the talk.

use std::sync::OnceLock;
use std::time::Duration;

use artifact_app::Store;
use artifact_bootstrap::settings::{Loaded, Settings, Sources};
use artifact_bootstrap::{Rebuild, Reopened, UrlSigner};
use artifact_domain::query::PageSize;
use artifact_domain::{ErrorKind, Result};

use crate::args::Global;
use crate::interrupt::Interrupt;
use crate::progress::Progress;
use crate::service::{self, Local, Remote, Service, Tokens};
use crate::ui::Ui;

/// How many leftovers of crashed uploads a command clears on its way.
const REAP_LIMIT: usize = 100;

/// How long a command waits for what is written behind its answers.
const SETTLING: Duration = Duration::from_secs(10);

/// What every command works with.
#[derive(Debug)]
pub(crate) struct Context {
    global: Global,
    /// The talk.
    pub(crate) ui: Ui,
    /// Whether the user wants to stop.
    pub(crate) interrupt: Interrupt,
    opened: OnceLock<Store>,
}

impl Context {
    pub(crate) fn new(global: Global, ui: Ui, interrupt: Interrupt) -> Self {
        Self {
            global,
            ui,
            interrupt,
            opened: OnceLock::new(),
        }
    }

    /// The settings in effect.
    pub(crate) fn settings(&self) -> Result<Loaded> {
        let mut sources = Sources::from_process()?;
        sources.config.clone_from(&self.global.config);
        sources.add_flags(
            self.global.base_path.as_deref(),
            [
                ("backend", self.global.backend.clone()),
                ("index.engine", self.global.index.clone()),
            ],
        )?;
        Settings::load(&sources)
    }

    /// The tokens of the server that is named, or of the store that the settings describe.
    pub(crate) fn tokens(&self) -> Result<Tokens> {
        match self.remote()? {
            Some(remote) => Ok(Tokens::Remote(remote)),
            None => Ok(Tokens::here(&self.settings()?.settings)),
        }
    }

    /// What the verbs work with: a server if one is named, or else the store that the settings describe.
    pub(crate) async fn service(&self) -> Result<Service> {
        if let Some(remote) = self.remote()? {
            return Ok(Service::Remote(remote));
        }
        let settings = self.settings()?.settings;
        Ok(Service::Local(Box::new(Local {
            verify_checksum: settings.verify_checksum,
            urls: UrlSigner::new(&settings),
            store: self.store().await?,
        })))
    }

    /// The server that is named, if one is: what is about its settings is asked there.
    pub(crate) fn remote(&self) -> Result<Option<Remote>> {
        let server = service::server(&self.global)?;
        let connect = |server: String| service::connect(&server, &self.global);
        server.map(connect).transpose()
    }

    /// The store that the settings describe.
    ///
    /// # Errors
    /// `Unsupported` where a server is named.
    pub(crate) async fn store(&self) -> Result<Store> {
        if service::server(&self.global)?.is_some() {
            return Err(service::not_through_a_server());
        }
        let store = artifact_bootstrap::open(&self.settings()?.settings).await?;
        // A command opens one store; a second one would be settled by whoever opened it.
        let _ = self.opened.set(store.clone());
        Ok(store)
    }

    /// The store that the settings describe, though its index may be damaged or gone.
    pub(crate) async fn store_to_rebuild(&self, rebuild: Rebuild) -> Result<Reopened> {
        if service::server(&self.global)?.is_some() {
            return Err(service::not_through_a_server());
        }
        let settings = self.settings()?.settings;
        let reopened = artifact_bootstrap::open_to_rebuild(&settings, rebuild).await?;
        let _ = self.opened.set(reopened.store.clone());
        Ok(reopened)
    }

    /// Waits for what the store writes behind its answers, but not for ever: what is missing then
    /// is written by the next `gc`.
    pub(crate) async fn settle(&self) {
        if let Some(store) = self.opened.get()
            && tokio::time::timeout(SETTLING, store.settle())
                .await
                .is_err()
        {
            tracing::warn!("metadata beside the blobs is not written yet; gc will do it");
        }
    }

    /// Clears what crashed uploads have left. It is not what the user came for, so a failure is
    /// only logged.
    ///
    /// A server does so by itself.
    pub(crate) async fn clear_leftovers(&self, service: &Service) {
        let (Service::Local(local), Ok(limit)) = (service, PageSize::new(REAP_LIMIT)) else {
            return;
        };
        if let Err(error) = local.store.reap(limit).await {
            tracing::warn!(error = %error, "leftovers of earlier uploads could not be cleared");
        }
    }

    /// Says that little room is left, if it is so. What the user came for is done by now, so a
    /// failure is only logged.
    pub(crate) async fn warn_of_quota(&self, service: &Service) {
        match service.quota_warning().await {
            Ok(Some(warning)) => self.ui.warn(warning),
            Ok(None) => {}
            // A token of one spec need not know of the others, and a server that is gone was named.
            Err(error)
                if matches!(service, Service::Remote(_))
                    && matches!(
                        error.kind(),
                        ErrorKind::PermissionDenied
                            | ErrorKind::Unauthenticated
                            | ErrorKind::Unavailable
                    ) =>
            {
                tracing::debug!(error = %error, "how much is stored is not known");
            }
            Err(error) => tracing::warn!(error = %error, "how much is stored is not known"),
        }
    }

    /// Progress of something with `total_bytes`, if known, and `total_files`.
    pub(crate) fn progress(
        &self,
        verb: &'static str,
        total_bytes: Option<u64>,
        total_files: Option<u64>,
    ) -> Progress {
        if self.global.no_progress || self.global.quiet {
            Progress::none()
        } else {
            Progress::new(verb, total_bytes, total_files)
        }
    }
}

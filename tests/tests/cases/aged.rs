//! Artifacts that were uploaded days ago: made by the library with a clock that stands in the past,
//! in the store that the program then works on.

use std::sync::Arc;

use artifact_app::UploadRequest;
use artifact_bootstrap::open_at;
use artifact_bootstrap::settings::{Settings, Sources};
use artifact_domain::port::Clock;
use artifact_domain::{ArtifactUri, Timestamp};
use e2e::Sandbox;
use jiff::{SignedDuration, Timestamp as Present};

/// A clock that stands.
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// One upload in the past.
pub(crate) struct Aged<'a> {
    /// The address.
    pub(crate) uri: &'a str,
    /// How many days ago.
    pub(crate) days_ago: i64,
    /// For how many days it is kept.
    pub(crate) retention_days: Option<u32>,
}

/// Uploads all of them, each with its own address as its bytes. Versions stay.
pub(crate) fn upload(store: &Sandbox, uploads: &[Aged<'_>]) {
    let settings = settings(store, &[("versioning.enabled", "true")]);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    for upload in uploads {
        let then = Present::now() - SignedDuration::from_hours(24 * upload.days_ago);
        let then = Timestamp::from_micros(then.as_microsecond()).expect("it is a time");
        runtime.block_on(async {
            let store = open_at(&settings, Arc::new(Standing(then))).await;
            let store = store.expect("the store can be opened");
            let uri: ArtifactUri = upload.uri.parse().expect("it is an address");
            let mut request = UploadRequest::new(uri.coordinate().clone());
            request.retention_days = upload.retention_days;
            let bytes = bytes::Bytes::from(upload.uri.to_owned());
            store.upload(request, bytes).await.expect("it is stored");
            store.settle().await;
        });
    }
}

/// The settings of a store, for the library to open it; those of `more` hide its own.
pub(crate) fn settings(store: &Sandbox, more: &[(&str, &str)]) -> Settings {
    let text = |text: &std::ffi::OsStr| text.to_str().expect("it is text").to_owned();
    let sources = Sources {
        env: store
            .env()
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
        cwd: store.work(""),
        home: Some(store.home()),
        flags: more
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect(),
        ..Sources::default()
    };
    Settings::load(&sources).expect("they are sound").settings
}

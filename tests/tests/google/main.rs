//! A bucket of Google's: what goes wrong on the way there, who pays, and who asks.

mod access;
mod sessions;

use adapter_opendal::{GcsOptions, OpendalStore};
use e2e::Sandbox;
use e2e::servers::{GcpEmulator, Proxy, Request, Server};

const MIB: usize = 1 << 20;

const SESSION: &str = "upload_id=";

/// A bucket before whose service a proxy stands.
struct Bucket {
    emulator: GcpEmulator,
    proxy: Proxy,
    name: String,
}

impl Bucket {
    fn new() -> Option<Self> {
        let emulator = GcpEmulator::at_hand()?;
        Some(Self {
            proxy: Proxy::before(&emulator.endpoint),
            name: emulator.make_bucket(),
            emulator,
        })
    }

    fn options(&self) -> GcsOptions {
        GcsOptions {
            bucket: self.name.clone(),
            endpoint_url: Some(self.proxy.endpoint().to_owned()),
            prefix: Some("team".to_owned()),
            retries: 2,
            ..GcsOptions::default()
        }
    }

    fn store(&self) -> OpendalStore {
        OpendalStore::gcs(&self.options()).expect("it opens")
    }

    fn sandbox(&self) -> Sandbox {
        Sandbox::new()
            .with_env("ARTIFACT_BACKEND", "gcs")
            .with_env("ARTIFACT_GCS__BUCKET", &self.name)
            .with_env("ARTIFACT_GCS__ENDPOINT_URL", self.proxy.endpoint())
    }

    /// The requests of sessions with this method.
    fn of_sessions(&self, method: &str) -> Vec<Request> {
        let mut seen = self.proxy.seen();
        seen.retain(|seen| seen.method == method && seen.target.contains(SESSION));
        seen
    }

    fn ranges(&self) -> Vec<String> {
        let puts = self.of_sessions("PUT").into_iter();
        let range = |put: Request| put.header("content-range").unwrap_or_default().to_owned();
        puts.map(range).collect()
    }
}

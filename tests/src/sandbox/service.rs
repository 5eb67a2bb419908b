//! Where the blobs of a sandbox lie: files, a bucket that is served from a folder, or one of another
//! server. Knows nothing of what is stored there.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use super::Sandbox;
use crate::mirror::{Google, Mirror, S3};
use crate::servers::{Access, Garage, GcpEmulator, Moto, Rgw, S3s, Server};

/// The bucket that is served from a folder.
const BUCKET: &str = "blobs";

/// What keeps the bucket.
#[derive(Debug)]
pub(super) enum Service {
    /// Serves it from a folder.
    Folder { _server: S3s },
    /// Another server, of whose bucket a folder is shown.
    Mirrored(Mirror),
}

impl Sandbox {
    /// An empty store with this index engine, whose blobs lie in a bucket: of a service that lives
    /// as long as the sandbox.
    pub fn with_bucket(engine: &str) -> Self {
        let mut sandbox = Self::with_index(engine);
        let folder = sandbox.root().join("s3");
        fs::create_dir_all(folder.join(BUCKET)).expect("folders can be made");
        let service = S3s::over(&folder);
        let access = service.owner.clone();
        sandbox.service = Some(Service::Folder { _server: service });
        sandbox.in_bucket(&access, BUCKET)
    }

    /// The same with a bucket of Ceph's gateway. Where `E2E_WITHOUT` names it, which is said, the blobs
    /// are files; so it is with the other servers.
    pub fn on_rgw(engine: &str) -> Self {
        static SERVER: OnceLock<Option<Rgw>> = OnceLock::new();
        let server = SERVER.get_or_init(Rgw::at_hand).as_ref();
        Self::with_index(engine).on_s3(server.map(|server| &server.owner))
    }

    /// The same with a bucket of moto.
    pub fn on_moto(engine: &str) -> Self {
        static SERVER: OnceLock<Option<Moto>> = OnceLock::new();
        let server = SERVER.get_or_init(Moto::at_hand).as_ref();
        Self::with_index(engine).on_s3(server.map(|server| &server.owner))
    }

    /// The same with a bucket of Garage.
    pub fn on_garage(engine: &str) -> Self {
        static SERVER: OnceLock<Option<Garage>> = OnceLock::new();
        let server = SERVER.get_or_init(Garage::at_hand).as_ref();
        let mut sandbox = Self::with_index(engine).on_s3(server.map(|server| &server.owner));
        sandbox.keys_are_short = sandbox.has_bucket();
        sandbox
    }

    fn on_s3(self, owner: Option<&Access>) -> Self {
        let Some(owner) = owner else { return self };
        let bucket = owner.make_bucket();
        let remote = S3::new(owner.clone(), bucket.clone());
        let mirror = Mirror::new(remote, self.root().join("mirror"));
        let mut sandbox = self.in_bucket(owner, &bucket);
        sandbox.service = Some(Service::Mirrored(mirror));
        sandbox
    }

    /// The same with a bucket of Google's emulator.
    pub fn on_google(engine: &str) -> Self {
        static SERVER: OnceLock<Option<GcpEmulator>> = OnceLock::new();
        let mut sandbox = Self::with_index(engine);
        let Some(server) = SERVER.get_or_init(GcpEmulator::at_hand) else {
            return sandbox;
        };
        let bucket = server.make_bucket_that_forgets();
        let remote = Google::new(server, bucket.clone());
        let endpoint = remote.endpoint().to_owned();
        let mirror = Mirror::new(remote, sandbox.root().join("mirror"));
        sandbox.service = Some(Service::Mirrored(mirror));
        sandbox
            .with_env("ARTIFACT_BACKEND", "gcs")
            .with_env("ARTIFACT_GCS__BUCKET", bucket)
            .with_env("ARTIFACT_GCS__ENDPOINT_URL", endpoint)
    }

    /// With blobs in this bucket.
    #[must_use]
    pub fn in_bucket(self, access: &Access, bucket: &str) -> Self {
        self.with_env("ARTIFACT_BACKEND", "s3")
            .with_env("ARTIFACT_S3__BUCKET", bucket)
            .with_env("ARTIFACT_S3__ENDPOINT_URL", &access.endpoint)
            .with_env("ARTIFACT_S3__REGION", &access.region)
            .with_env("ARTIFACT_S3__ACCESS_KEY", &access.access_key)
            .with_env("ARTIFACT_S3__SECRET_KEY", &access.secret_key)
    }

    /// Where `artifacts` is, or will be: the folder of the store, or that of its bucket. Whoever looks
    /// there asks [`Sandbox::store`] first.
    pub fn blobs_folder(&self) -> PathBuf {
        match &self.service {
            Some(Service::Folder { .. }) => self.root().join("s3").join(BUCKET),
            Some(Service::Mirrored(mirror)) => mirror.folder(),
            None => self.root().join("store"),
        }
    }

    pub(super) fn mirror(&self) -> Option<&Mirror> {
        match &self.service {
            Some(Service::Mirrored(mirror)) => Some(mirror),
            Some(Service::Folder { .. }) | None => None,
        }
    }

    /// Whether its blobs lie in a bucket.
    pub fn has_bucket(&self) -> bool {
        self.service.is_some()
    }

    /// Whether a test can say when a blob was last written. A service that is a folder takes the word
    /// of its files; others tell themselves, which is said.
    pub fn can_date_blobs(&self) -> bool {
        let can = self.mirror().is_none();
        if !can {
            not_tried("what depends on the age of a blob: no service lets it be set");
        }
        can
    }

    /// Whether names may be as long as the store takes them. Garage's LMDB has no room for all of them,
    /// which is said.
    pub fn can_have_long_names(&self) -> bool {
        if self.keys_are_short {
            not_tried("the longest names: the service has no room for their keys");
        }
        !self.keys_are_short
    }

    /// Whether what was sent of an upload that was cut off can be listed. Google's sessions cannot, which
    /// is said.
    pub fn can_list_parts(&self) -> bool {
        let can = self.mirror().is_none_or(Mirror::tells_parts);
        if !can {
            not_tried("what is left of an upload that was cut off: the service lists none");
        }
        can
    }
}

/// Says what a test leaves out.
#[expect(clippy::print_stdout, reason = "nothing is skipped in silence")]
fn not_tried(what: &str) {
    println!("NOT TRIED: {what}");
}

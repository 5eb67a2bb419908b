//! What a person sees of a request that is made again: nothing, and with `-v` one line of what, why and how
//! soon, without the headers and URLs of the service.

use e2e::servers::{Fault, GcpEmulator, Proxy, S3s, Server, Which};
use e2e::tree::noise;
use e2e::{Outcome, Sandbox};

/// The lines that tell of it.
fn told(outcome: &Outcome) -> Vec<&str> {
    let lines = outcome.stderr.lines();
    lines.filter(|line| line.contains("retrying")).collect()
}

/// A store whose service is behind a proxy.
struct Case {
    store: Sandbox,
    proxy: Proxy,
    /// What must not be seen.
    secret: String,
}

/// What goes wrong, and what is said of it.
struct Fails<'a> {
    which: Which<'a>,
    fault: Fault,
    says: &'a [&'a str],
}

impl Case {
    /// A command succeeds though this goes wrong twice, and is quiet of it.
    #[track_caller]
    fn is_quiet(&self, args: &[&str], fails: &Fails<'_>) {
        self.proxy.inject(fails.which, 2, fails.fault.clone());
        let quiet = self.store.run(args).expect_code(0);
        assert_eq!(self.proxy.faults_left(), 0, "{quiet}");
        assert_eq!(quiet.stderr, "", "{quiet}");
    }

    /// The same with `-v`, which tells of both in a line each.
    #[track_caller]
    fn is_told(&self, args: &[&str], fails: &Fails<'_>) {
        self.proxy.inject(fails.which, 2, fails.fault.clone());
        let open = self.store.run(&[args, &["-v"]].concat()).expect_code(0);
        assert_eq!(self.proxy.faults_left(), 0, "{open}");
        let lines = told(&open);
        assert_eq!(lines.len(), 2, "{open}");
        for line in lines {
            for word in fails.says {
                assert!(line.contains(word), "`{word}` is missing: {line}");
            }
            assert!(line.len() < 350, "{} characters: {line}", line.len());
            let secret = self.secret.as_str();
            for word in [secret, "Signature", "uthorization", "headers", "http://"] {
                assert!(!line.contains(word), "`{word}` is shown: {line}");
            }
        }
    }
}

const URI: &str = "artifact://default/local/data/x.bin";

#[test]
fn a_retry_is_one_line_and_only_for_whoever_asks() {
    let s3s = S3s::start();
    let bucket = s3s.owner.make_bucket();
    let proxy = Proxy::before(&s3s.owner.endpoint);
    let access = s3s.owner.at(proxy.endpoint());
    let store = Sandbox::with_index("sqlite").in_bucket(&access, &bucket);
    let case = Case {
        store: store.with_env("ARTIFACT_VERSIONING__ENABLED", "true"),
        proxy,
        secret: access.secret_key,
    };
    case.store.write("x.bin", noise(1, 300_000));
    let upload = &["upload", "x.bin", "--type", "data", "--no-progress"][..];
    let download = &["download", URI, "-o", "-", "--no-progress"][..];
    let put = Which {
        method: "PUT",
        target: "/output/",
    };
    let get = Which {
        method: "GET",
        target: "/output/",
    };
    let listing = Which {
        method: "GET",
        target: "uploads",
    };
    for (args, which, fault, says) in [
        (
            upload,
            put,
            Fault::slow_down(),
            &[
                "write `artifacts/default/local/output/data/x.bin@",
                "slow down (503 SlowDown)",
            ],
        ),
        (
            upload,
            put,
            Fault::CutRequest(1_000),
            &["write `artifacts/", "connection to the service broke ("],
        ),
        (
            download,
            get,
            Fault::unavailable(),
            &[
                "get blob `artifacts/default/local/output/data/x.bin@",
                "(status 503)",
            ],
        ),
        // One that breaks in the middle of its answer.
        (
            download,
            get,
            Fault::CutResponse(1_000),
            &["get blob `artifacts/", "connection to the service broke ("],
        ),
        // A request that the driver does not make.
        (
            &["gc", "--dry-run"],
            listing,
            Fault::too_many_requests(),
            &["uploads", "slow down (status 429)"],
        ),
    ] {
        let fails = Fails { which, fault, says };
        case.is_quiet(args, &fails);
        case.is_told(args, &fails);
    }
}

#[test]
fn a_retry_at_google_is_one_line_and_only_for_whoever_asks() {
    let Some(gcs) = GcpEmulator::at_hand() else {
        return;
    };
    let bucket = gcs.make_bucket();
    let proxy = Proxy::before(&gcs.endpoint);
    let case = Case {
        store: Sandbox::with_index("sqlite")
            .with_env("ARTIFACT_BACKEND", "gcs")
            .with_env("ARTIFACT_GCS__BUCKET", &bucket)
            .with_env("ARTIFACT_GCS__ENDPOINT_URL", proxy.endpoint())
            .with_env("ARTIFACT_GCS__STORAGE_CLASSES__COLD", "ARCHIVE"),
        proxy,
        secret: "Bearer".to_owned(),
    };
    case.store.write("x.bin", noise(1, 300_000));
    case.store.ok(&["upload", "x.bin", "--type", "data"]);
    let fails = Fails {
        which: Which {
            method: "POST",
            target: "rewriteTo",
        },
        fault: Fault::unavailable(),
        says: &["copy blob `artifacts/", "passing fault (status 503)"],
    };
    case.is_quiet(&["archive", URI], &fails);
    case.is_told(&["restore", URI], &fails);
}

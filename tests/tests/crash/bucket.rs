//! A bucket under a storm, seen past the program: every object in it, every upload that is not whole.
//! Knows no promise.

use std::sync::Arc;
use std::time::Duration;

use artifact_app::GcOptions;
use artifact_bootstrap::settings::{Settings, Sources};
use artifact_bootstrap::{SystemClock, open_at};
use artifact_domain::Timestamp;
use artifact_domain::port::Clock;
use e2e::Sandbox;
use e2e::servers::Access;
use futures::TryStreamExt;

/// How many keys a page of the listing has.
const PAGE: usize = 1_000;

/// The bucket that a store keeps its blobs in.
#[derive(Debug)]
pub(crate) struct Bucket {
    access: Access,
    name: String,
}

impl Bucket {
    /// That of a sandbox, if it has one.
    pub(crate) fn of(store: &Sandbox) -> Option<Self> {
        let said = |key: &str| {
            let key = format!("ARTIFACT_S3__{key}");
            let (_, value) = store.env().find(|(name, _)| **name == *key)?;
            value.to_str().map(str::to_owned)
        };
        Some(Self {
            name: said("BUCKET")?,
            access: Access {
                endpoint: said("ENDPOINT_URL")?,
                region: said("REGION")?,
                access_key: said("ACCESS_KEY")?,
                secret_key: said("SECRET_KEY")?,
            },
        })
    }

    /// The keys of all objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<String> = Vec::new();
        loop {
            let after = keys
                .last()
                .map(|key| format!("&start-after={}", quoted(key)));
            let query = format!("list-type=2{}", after.unwrap_or_default());
            let page = within(&self.get(&format!("?{query}")), "Key");
            let is_last = page.len() < PAGE;
            keys.extend(page);
            if is_last {
                return keys;
            }
        }
    }

    /// The keys of uploads in parts that were neither published nor aborted, a page of them.
    pub(crate) fn uploads(&self) -> Vec<String> {
        within(&self.get("?uploads="), "Key")
    }

    pub(crate) fn read(&self, key: &str) -> String {
        self.get(&format!("/{key}"))
    }

    pub(crate) fn write(&self, key: &str, text: &str) {
        let path = format!("/{}/{key}", self.name);
        let args = ["--request", "PUT", "--data-binary", text];
        let (status, answer) = self.access.curl(&args, &path);
        assert_eq!(status, 200, "{key}: {answer}");
    }

    fn get(&self, what: &str) -> String {
        let (status, answer) = self.access.curl(&[], &format!("/{}{what}", self.name));
        assert_eq!(status, 200, "{what}: {answer}");
        answer
    }
}

/// What stands between tags of that name.
fn within(text: &str, tag: &str) -> Vec<String> {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    let found = text.split(&begin).skip(1);
    let found = found.map(|rest| rest.split(&end).next().unwrap_or_default());
    found.map(str::to_owned).collect()
}

fn quoted(key: &str) -> String {
    let quote = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
            char::from(byte).to_string()
        }
        _ => format!("%{byte:02X}"),
    };
    key.bytes().map(quote).collect()
}

/// A clock that is ahead by more than the youngest age at which `gc` takes a blob for an orphan: a
/// service does not let its objects be dated back.
struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add(Duration::from_hours(2))
    }
}

/// What `gc --grace-hours 1` does in two hours, or would do: how many items, and how many bytes.
pub(crate) fn collect_later(store: &Sandbox, is_dry: bool) -> (u64, u64) {
    let text = |text: &std::ffi::OsStr| text.to_str().expect("it is text").to_owned();
    let sources = Sources {
        env: store
            .env()
            .map(|(key, value)| (text(key), text(value)))
            .collect(),
        cwd: store.work(""),
        home: Some(store.home()),
        ..Sources::default()
    };
    let settings = Settings::load(&sources).expect("they are sound").settings;
    let options = GcOptions {
        grace: Duration::from_hours(1),
    };
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be started");
    runtime.block_on(async {
        let store = open_at(&settings, Arc::new(Ahead)).await;
        let store = store.expect("the store can be opened");
        if is_dry {
            let plan = store.gc_plan(options).try_collect::<Vec<_>>().await;
            let plan = plan.expect("it can be planned");
            let bytes = plan.iter().map(|item| item.size_bytes).sum();
            return (plan.len() as u64, bytes);
        }
        let done = store.gc(options, |_| {}).await.expect("it is collected");
        assert!(done.failures.is_empty(), "{:?}", done.failures);
        store.settle().await;
        (done.items, done.size_bytes)
    })
}

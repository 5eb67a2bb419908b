//! Tokens of issuers keep the contract of `Authenticator`, whatever they are signed with.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use adapter_oidc::Issuers;
use artifact_domain::Timestamp;
use artifact_domain::access::Grant;
use artifact_domain::port::{Authenticator as _, Credential};
use artifact_testkit::contract::authenticator::{Office, Registry, Wanted};
use artifact_testkit::issuer::{SigningKey, key_set};
use artifact_testkit::{Subject, sample};
use async_trait::async_trait;
use serde_json::json;

const ISSUER: &str = "https://issuer.example";

/// Signs tokens for subjects, and keeps their rules in the file.
struct Signing {
    path: PathBuf,
    key: SigningKey,
    issuers: Issuers,
    rules: Mutex<Vec<Ruled>>,
}

struct Ruled {
    subject: String,
    token: String,
    grants: Vec<Grant>,
}

fn file(rules: &[Ruled], alg: &str) -> String {
    let mut text = format!(
        "[[issuers]]\nname = \"test\"\nissuer = \"{ISSUER}\"\naudience = \"store\"\n\
         jwks_file = \"keys.json\"\nalgorithms = [\"{alg}\"]\nleeway_s = 0\n"
    );
    let mut rule = |subject: &str, grant: &Grant| {
        let actions: Vec<_> = grant
            .actions
            .iter()
            .map(|action| format!("\"{action}\""))
            .collect();
        write!(
            text,
            "[[issuers.rules]]\nclaims = {{ sub = \"{subject}\" }}\nactions = [{}]\n\
             spec = \"{}\"\ntask = \"{}\"\n",
            actions.join(", "),
            grant.area.spec,
            grant.area.task
        )
        .unwrap();
    };
    let nobody = Grant {
        actions: "read".parse().unwrap(),
        area: artifact_domain::query::Area::everywhere(),
    };
    if rules.is_empty() {
        // An issuer has at least one.
        rule("nobody", &nobody);
    }
    for one in rules {
        one.grants
            .iter()
            .for_each(|grant| rule(&one.subject, grant));
    }
    text
}

impl Signing {
    /// Writes the file, and waits until `token` is recognised or is not.
    async fn publish(&self, token: &str, is_known: bool) {
        let text = file(
            &self.rules.lock().unwrap(),
            self.key.public()["alg"].as_str().unwrap(),
        );
        fs::write(&self.path, text).unwrap();
        let credential = Credential::new(token).unwrap();
        let at = sample::now().saturating_add(Duration::from_mins(90));
        for _ in 0..100 {
            let now = self.issuers.authenticate(&credential, sample::now()).await;
            let later = self.issuers.authenticate(&credential, at).await;
            if (now.is_ok() || later.is_ok()) == is_known {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("the file is not read");
    }
}

fn seconds(time: Timestamp) -> i64 {
    time.as_micros() / 1_000_000
}

#[async_trait]
impl Office for Signing {
    async fn issue(&self, wanted: Vec<Wanted>) -> Vec<Credential> {
        let mut issued = Vec::new();
        for one in wanted {
            let mut rules = self.rules.lock().unwrap();
            let subject = format!("job-{:03}", rules.len());
            let token = self.key.token(&json!({
                "iss": ISSUER, "aud": "store", "sub": subject,
                "nbf": seconds(one.begin), "exp": seconds(one.end),
            }));
            issued.push(Credential::new(&*token).unwrap());
            rules.push(Ruled {
                subject,
                token,
                grants: one.grants,
            });
        }
        self.publish(issued.last().unwrap().expose(), true).await;
        issued
    }

    async fn withdraw(&self, credential: &Credential) {
        self.rules
            .lock()
            .unwrap()
            .retain(|one| one.token != credential.expose());
        self.publish(credential.expose(), false).await;
    }
}

fn signed_with(alg: &str) -> Subject<Registry> {
    let folder = tempfile::tempdir().unwrap();
    let key = SigningKey::new("one", alg);
    fs::write(folder.path().join("keys.json"), key_set(&[key.public()])).unwrap();
    let path = folder.path().join("issuers.toml");
    fs::write(&path, file(&[], alg)).unwrap();
    let issuers = Issuers::open(path.clone()).unwrap();
    let office = Signing {
        path,
        key,
        issuers: issuers.clone(),
        rules: Mutex::default(),
    };
    Subject::new(Arc::new(Registry {
        authenticator: Arc::new(issuers),
        office: Box::new(office),
        has_beginnings: true,
    }))
    .keeping(folder)
}

mod by_rsa {
    use super::*;

    async fn open() -> Subject<Registry> {
        signed_with("RS256")
    }

    artifact_testkit::authenticator_contract!(open);
}

mod by_a_curve {
    use super::*;

    async fn open() -> Subject<Registry> {
        signed_with("ES256")
    }

    artifact_testkit::authenticator_contract!(open);
}

//! The tokens of a file keep the contract of `Authenticator`.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use adapter_token_file::{Lifetime, NewToken, TokenFile};
use artifact_domain::port::Credential;
use artifact_testkit::contract::authenticator::{Office, Registry, Wanted};
use artifact_testkit::{Subject, sample};
use async_trait::async_trait;

struct Tokens {
    file: TokenFile,
    made: AtomicUsize,
}

#[async_trait]
impl Office for Tokens {
    async fn issue(&self, wanted: Vec<Wanted>) -> Vec<Credential> {
        let mut issued = Vec::new();
        for one in wanted {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            let new = NewToken {
                name: format!("t{number}"),
                grants: one.grants,
                lifetime: Lifetime::Until(one.end),
            };
            let (_, credential) = self.file.create(new, None, sample::now()).await.unwrap();
            issued.push(credential);
        }
        issued
    }

    async fn withdraw(&self, credential: &Credential) {
        let id = credential.expose().split('_').nth(1).unwrap();
        self.file.revoke(id, None, sample::now()).await.unwrap();
    }
}

async fn open() -> Subject<Registry> {
    let folder = tempfile::tempdir().unwrap();
    let file = TokenFile::new(folder.path().join("tokens.json"));
    let office = Tokens {
        file: file.clone(),
        made: AtomicUsize::new(0),
    };
    Subject::new(Arc::new(Registry {
        authenticator: Arc::new(file),
        office: Box::new(office),
        has_beginnings: false,
    }))
    .keeping(folder)
}

artifact_testkit::authenticator_contract!(open);

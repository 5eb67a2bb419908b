//! Files of keys that are wrong while the server runs, and that are mended.

#![expect(clippy::unwrap_used, reason = "a panic is the failure of a test")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use adapter_oidc::Issuers;
use artifact_domain::ErrorKind;
use artifact_domain::port::{Authenticator as _, Credential};
use artifact_testkit::issuer::{SigningKey, key_set};
use artifact_testkit::sample;
use serde_json::json;

fn described(name: &str) -> String {
    format!(
        "[[issuers]]\nname = \"{name}\"\nissuer = \"https://{name}.example\"\naudience = \"store\"\n\
         jwks_file = \"{name}.json\"\nalgorithms = [\"ES256\"]\nleeway_s = 0\n\
         [[issuers.rules]]\nclaims = {{ sub = \"*\" }}\nactions = [\"read\"]\nspec = \"*\"\ntask = \"*\"\n"
    )
}

/// Writes the keys of an issuer, and signs a token with them.
fn issuer(folder: &Path, name: &str) -> Credential {
    let key = SigningKey::new(name, "ES256");
    fs::write(
        folder.join(format!("{name}.json")),
        key_set(&[key.public()]),
    )
    .unwrap();
    let now = sample::now().as_micros() / 1_000_000;
    let token = key.token(&json!({
        "iss": format!("https://{name}.example"), "aud": "store", "sub": "job",
        "nbf": now - 60, "exp": now + 60,
    }));
    Credential::new(&*token).unwrap()
}

#[tokio::test]
async fn a_file_of_keys_that_is_wrong_keeps_out_its_own_issuer_until_it_is_mended() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("issuers.toml");
    let old = issuer(folder.path(), "old");
    fs::write(&path, described("old")).unwrap();
    let issuers = Issuers::open(path.clone()).unwrap();
    let comes_in = async |who: &Credential| match issuers.authenticate(who, sample::now()).await {
        Ok(who) => who.is_some(),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Internal, "{error}");
            false
        }
    };
    assert!(comes_in(&old).await);

    // One is added, and its keys come later: first not at all, then damaged, then whole.
    fs::write(&path, described("old") + &described("new")).unwrap();
    let keys = folder.path().join("new.json");
    for _ in 0..2 {
        tokio::time::sleep(Duration::from_millis(1_050)).await;
        assert!(comes_in(&old).await, "its own keys are right");
        let new = Credential::new(SigningKey::new("x", "ES256").token(&json!({
            "iss": "https://new.example",
        })));
        assert!(!comes_in(&new.unwrap()).await);
        fs::write(&keys, "{").unwrap();
    }
    let new = issuer(folder.path(), "new");
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert!(comes_in(&new).await, "its keys are there now");
    assert!(comes_in(&old).await);

    // Who begins with such a file is told.
    fs::write(&keys, "{").unwrap();
    let error = Issuers::open(path).unwrap_err();
    assert!(error.to_string().contains("new.json"), "{error}");
}

//! What a bearer was granted.

use futures::future::join_all;

use super::{Registry, grant, reader, wanted};
use crate::{Subject, sample};

/// What was granted comes back: actions, patterns, order.
pub async fn a_bearer_is_recognised_with_exactly_what_he_was_granted(registry: Subject<Registry>) {
    let all = [
        vec![grant("read", "web", "*")],
        vec![grant("admin", "*", "*")],
        vec![
            grant("read", "*", "*"),
            grant("write,delete", "web-?", "ci-[a-z]*"),
        ],
        vec![grant("read,write,delete,admin", "org/app", "[*]")],
    ];
    let credentials = registry.issue(all.clone()).await;
    for (credential, grants) in credentials.iter().zip(all) {
        let found = registry.bearer(credential).await.expect("he is known");
        assert_eq!(found.grants(), grants);
    }
}

/// Each has his own, however alike they are.
pub async fn the_grants_of_two_bearers_do_not_mix(registry: Subject<Registry>) {
    let (one, two) = (
        vec![grant("read", "a", "*")],
        vec![grant("write", "b", "1")],
    );
    let issued = registry
        .issue([one.clone(), two.clone(), one.clone()])
        .await;
    for _ in 0..3 {
        for (credential, grants) in issued.iter().zip([&one, &two, &one]) {
            let found = registry.bearer(credential).await.expect("he is known");
            assert_eq!(found.grants(), grants);
        }
    }
    assert!(
        issued[0].expose() != issued[2].expose(),
        "two have the same credential"
    );
}

/// A name is a short line, different for each, without any part of the credential that is secret.
pub async fn a_bearer_has_a_name_that_can_be_logged(registry: Subject<Registry>) {
    let issued = registry.issue([reader(), reader()]).await;
    let mut names = Vec::new();
    for credential in &issued {
        let found = registry.bearer(credential).await.expect("he is known");
        let name = found.name().to_owned();
        assert!((1..=256).contains(&name.len()), "{name}");
        assert!(!name.chars().any(char::is_control), "{name}");
        let text = credential.expose();
        assert!(
            !name.contains(text) && !name.contains(&text[text.len() / 2..]),
            "{name}"
        );
        names.push(name);
    }
    assert_ne!(names[0], names[1]);
}

/// Nothing wears off.
pub async fn the_same_credential_is_the_same_bearer(registry: Subject<Registry>) {
    let [credential] = registry.issue([reader()]).await;
    let first = registry.bearer(&credential).await.expect("he is known");
    for _ in 0..20 {
        assert_eq!(registry.bearer(&credential).await.as_ref(), Some(&first));
    }
}

/// Sixty-four bearers ask at once, eight times each, and each is taken for himself.
pub async fn many_at_once_are_told_apart(registry: Subject<Registry>) {
    let task = |number: usize| vec![grant("read", "web", &format!("ci-{number}"))];
    let issued = registry
        .office
        .issue((0..64).map(|it| wanted(task(it))).collect())
        .await;
    let asking = (0..512).map(|turn| {
        let number = turn % issued.len();
        let (authenticator, credential) = (registry.authenticator.clone(), issued[number].clone());
        tokio::spawn(async move {
            let found = authenticator.authenticate(&credential, sample::now()).await;
            (number, found.unwrap().expect("he is known"))
        })
    });
    for asked in join_all(asking).await {
        let (number, found) = asked.unwrap();
        assert_eq!(found.grants(), task(number));
    }
}

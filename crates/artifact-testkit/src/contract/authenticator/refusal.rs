//! What is not accepted.

use std::error::Error as _;
use std::fmt::Write as _;

use artifact_domain::port::Credential;
use artifact_domain::{Error, ErrorKind};

use super::{Registry, credential, reader};
use crate::contract::failure;
use crate::{Subject, sample};

/// At how many places a credential is altered, cut or joined.
const PLACES: usize = 48;

/// Places all over a text, its first and its last characters among them.
fn places(length: usize) -> impl Iterator<Item = usize> {
    let ends = (0..length.min(4)).chain(length.saturating_sub(4)..length);
    ends.chain((0..PLACES).map(move |place| place * length / PLACES))
}

async fn assert_refused(registry: &Registry, text: String, what: &str) {
    let Ok(credential) = Credential::new(text) else {
        return;
    };
    let found = registry.bearer(&credential).await;
    assert!(found.is_none(), "{what} was accepted");
}

/// No character can be another one.
pub async fn what_is_altered_anywhere_is_refused(registry: Subject<Registry>) {
    let [issued] = registry.issue([reader()]).await;
    let text = issued.expose().as_bytes();
    for place in places(text.len()) {
        for other in [
            b'A',
            b'b',
            b'0',
            b'_',
            b'.',
            b'=',
            text[place] ^ 1,
            text[place] ^ 0x20,
        ] {
            let mut altered = text.to_vec();
            altered[place] = other;
            if altered != text {
                let altered = String::from_utf8_lossy(&altered).into_owned();
                assert_refused(&registry, altered, &format!("one altered at {place}")).await;
            }
        }
    }
    for altered in [
        issued.expose().to_uppercase(),
        issued.expose().to_lowercase(),
        issued.expose().chars().rev().collect(),
    ] {
        if altered != issued.expose() {
            assert_refused(&registry, altered, "one in another case or order").await;
        }
    }
    assert!(registry.bearer(&issued).await.is_some());
}

/// No part of it does.
pub async fn what_is_shortened_is_refused(registry: Subject<Registry>) {
    let [issued] = registry.issue([reader()]).await;
    let text = issued.expose();
    for place in places(text.len()) {
        assert_refused(&registry, text[..place].to_owned(), "its beginning").await;
        assert_refused(&registry, text[place + 1..].to_owned(), "its end").await;
        let without = format!("{}{}", &text[..place], &text[place + 1..]);
        if without != text {
            assert_refused(&registry, without, "one without a character").await;
        }
    }
}

/// Nothing may stand before, behind or in it.
pub async fn what_is_extended_is_refused(registry: Subject<Registry>) {
    let [issued] = registry.issue([reader()]).await;
    let text = issued.expose();
    for more in [
        "A", "0", "=", "==", ".", "_", "..", ".e30", text, ",", "%00", "\"", "'",
    ] {
        for extended in [format!("{text}{more}"), format!("{more}{text}")] {
            assert_refused(&registry, extended, &format!("one with {more}")).await;
        }
    }
    for place in places(text.len()) {
        let extended = format!("{}A{}", &text[..place], &text[place..]);
        if extended != text {
            assert_refused(&registry, extended, "one with another character").await;
        }
    }
}

/// The beginning of one and the end of another are none, but where they give one of the two.
pub async fn parts_of_two_credentials_make_no_third(registry: Subject<Registry>) {
    let [one, two] = registry.issue([reader(), reader()]).await;
    let (one, two) = (one.expose(), two.expose());
    for place in places(one.len().min(two.len())) {
        let joined = format!("{}{}", &one[..place], &two[place..]);
        if joined != one && joined != two {
            assert_refused(&registry, joined, &format!("one joined at {place}")).await;
        }
    }
}

/// Nobody is found, and it is no error, so that others are asked.
pub async fn what_is_of_another_kind_is_left_to_others(registry: Subject<Registry>) {
    for other in [
        "x",
        "a.b.c",
        "....",
        "ghp_0123456789abcdef0123456789abcdef0123",
        "Basic_dXNlcjpwYXNz",
        "{\"alg\":\"none\"}",
        "eyJhbGciOiJub25lIn0.e30.",
        "'--",
    ] {
        let other = credential(other);
        let found = registry.authenticator.authenticate(&other, sample::now());
        assert_eq!(found.await.unwrap(), None, "{}", other.expose());
    }
    let long = credential("a".repeat(Credential::MAX_BYTES));
    let found = registry.authenticator.authenticate(&long, sample::now());
    assert_eq!(found.await.unwrap(), None);
}

/// One that is taken back is refused as such, and the others are accepted as before.
pub async fn what_is_withdrawn_is_refused_and_nothing_else(registry: Subject<Registry>) {
    let [gone, kept] = registry.issue([reader(), reader()]).await;
    assert!(registry.bearer(&gone).await.is_some());
    registry.office.withdraw(&gone).await;
    for _ in 0..3 {
        let found = registry.authenticator.authenticate(&gone, sample::now());
        assert_eq!(failure(found.await).kind(), ErrorKind::Unauthenticated);
        assert!(registry.bearer(&kept).await.is_some());
    }
}

/// Neither message, hint, debugging text nor source has any part of it, and all refusals say the same.
pub async fn refusals_say_nothing_of_the_credential(registry: Subject<Registry>) {
    let [gone, other] = registry.issue([reader(), reader()]).await;
    registry.office.withdraw(&gone).await;
    let mut said = Vec::new();
    let last = other.expose().len() - 3;
    let mut altered = other.expose().to_owned();
    let swapped = if altered[last..].starts_with('A') {
        "B"
    } else {
        "A"
    };
    altered.replace_range(last..=last, swapped);
    for refused in [gone, credential(altered)] {
        let found = registry.authenticator.authenticate(&refused, sample::now());
        let told = everything(&failure(found.await));
        for piece in refused.expose().as_bytes().windows(12) {
            let piece = String::from_utf8_lossy(piece);
            assert!(!told.contains(&*piece), "{told}");
        }
        said.push(told);
    }
    assert_eq!(said[0], said[1], "they say why");
}

/// All that an error tells.
fn everything(error: &Error) -> String {
    let mut told = format!(
        "{error}\n{error:?}\n{error:#?}\n{}",
        error.hint().unwrap_or_default()
    );
    let mut source = error.source();
    while let Some(cause) = source {
        write!(told, "\n{cause}\n{cause:?}").expect("a text takes more text");
        source = cause.source();
    }
    told
}

//! The known attacks on verifiers of signed tokens, each against the real server, and each refused.

use artifact_testkit::issuer::{
    IssuerServer, SigningKey, coded, key_set, unsigned, weak, with_secret,
};
use e2e::Server;
use serde_json::{Value, json};

use super::{Bearer, Ci, described, sandbox, with, write_issuers};

fn header(alg: &str) -> Value {
    json!({"alg": alg, "typ": "JWT", "kid": "key-1"})
}

#[test]
fn what_is_not_signed_is_refused_however_it_says_so() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    for alg in ["none", "None", "NONE", "nOnE", "", " none", "null", "noone"] {
        for signature in [&b""[..], b"x", &[0; 256]] {
            ci.assert_refused(&unsigned(&header(alg), &job, signature), alg);
        }
    }
    for alg in [
        json!(null),
        json!(["RS256"]),
        json!({}),
        json!(0),
        json!(true),
    ] {
        let header = json!({"alg": alg, "typ": "JWT", "kid": "key-1"});
        ci.assert_refused(&unsigned(&header, &job, b""), "an odd algorithm");
        ci.assert_refused(&ci.key.token_with(&header, &job), "an odd algorithm");
    }
    let nothing = json!({"kid": "key-1"});
    ci.assert_refused(&ci.key.token_with(&nothing, &job), "no algorithm");
    // Signatures of nothing but zeros, which some libraries once took for good.
    for (alg, length) in [("ES256", 64), ("ES384", 96), ("EdDSA", 64), ("RS256", 256)] {
        ci.assert_refused(&unsigned(&header(alg), &job, &vec![0; length]), alg);
    }
}

#[test]
fn a_public_key_is_no_secret() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    let public = ci.key.public();
    let modulus = public["n"].as_str().unwrap();
    let secrets = [
        modulus.to_owned(),
        public.to_string(),
        key_set(std::slice::from_ref(&public)),
        String::new(),
        "key-1".to_owned(),
    ];
    for secret in secrets {
        for alg in ["HS256", "HS384", "HS512", "RS256", "hs256"] {
            ci.assert_refused(&with_secret(&header(alg), &job, secret.as_bytes()), alg);
        }
    }
    // Not even where the issuer publishes a secret.
    let secret = json!({"kty": "oct", "kid": "key-1", "alg": "HS256", "k": coded(b"secret")});
    ci.issuer.set_keys(&[secret, ci.key.public()]);
    ci.assert_refused(
        &with_secret(&header("HS256"), &job, b"secret"),
        "a shared secret",
    );
    ci.saying(&job).get("/api/v1/artifacts").expect(200);
}

#[test]
fn keys_that_a_token_brings_along_are_not_used() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    let evil = SigningKey::new("evil", "ES256");
    let place = IssuerServer::start(&[evil.public()]);
    for (name, value) in [
        ("jwk", evil.public()),
        ("jku", json!(place.keys_url())),
        ("x5u", json!(place.keys_url())),
        ("x5c", json!([coded(b"certificate")])),
        ("url", json!(place.keys_url())),
    ] {
        for kid in ["evil", "key-1"] {
            let mut header = json!({"alg": "ES256", "typ": "JWT", "kid": kid});
            header[name] = value.clone();
            ci.assert_refused(&evil.token_with(&header, &job), name);
        }
        let mut header = json!({"alg": "ES256", "typ": "JWT"});
        header[name] = value;
        ci.assert_refused(&evil.token_with(&header, &job), name);
    }
    assert!(place.asked().is_empty(), "{:?}", place.asked());
    // A good token may have them; they are not looked at.
    let mut header = header("RS256");
    header["jku"] = json!(place.keys_url());
    header["jwk"] = evil.public();
    let token = ci.key.token_with(&header, &job);
    ci.bearer(&token).get("/api/v1/artifacts").expect(200);
    assert!(place.asked().is_empty());
}

#[test]
fn a_key_is_named_plainly_and_used_for_its_own_algorithm() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    for kid in [
        "../../../../dev/null",
        "/etc/passwd",
        "' OR '1'='1",
        "key-1'; DROP TABLE keys; --",
        "key-1\u{0}",
        "KEY-1",
        "key-1 ",
        "",
        "|id",
        "http://127.0.0.1/keys",
        &"k".repeat(4_000),
    ] {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
        ci.assert_refused(&ci.key.token_with(&header, &job), kid);
    }
    for kid in [json!(1), json!(["key-1"]), json!({"kid": "key-1"})] {
        let header = json!({"alg": "RS256", "typ": "JWT", "kid": kid});
        ci.assert_refused(&ci.key.token_with(&header, &job), "a name that is no text");
    }
    // Signed by the true key by another of its algorithms, which the key is not for.
    for alg in [
        "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA",
    ] {
        let same = SigningKey::new("key-1", alg);
        ci.assert_refused(&same.token(&job), alg);
    }
    let other = SigningKey::new("key-1", "ES256");
    ci.assert_refused(&other.token_with(&header("RS256"), &job), "another key");
}

#[test]
fn headers_that_must_be_understood_and_tokens_of_other_kinds_are_refused() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("crit", json!(["b64"])),
        ("crit", json!([])),
        ("crit", json!("b64")),
        ("enc", json!("A128GCM")),
        ("zip", json!("DEF")),
        ("typ", json!("secevent+jwt")),
        ("typ", json!("logout+jwt")),
        ("typ", json!("dpop+jwt")),
        ("typ", json!("JOSE+JSON")),
        ("typ", json!(7)),
    ] {
        let mut header = header("RS256");
        header[name] = value;
        ci.assert_refused(&ci.key.token_with(&header, &job), &header.to_string());
    }
    let good = ci.key.token(&job);
    let parts: Vec<_> = good.split('.').collect();
    let [head, claims, signature] = parts[..] else {
        panic!("{good}")
    };
    for shape in [
        format!("{head}.{claims}.{signature}.x.y"),
        format!("{head}.{claims}."),
        format!("{head}.{claims}"),
        format!("{head}..{signature}"),
        format!(".{claims}.{signature}"),
        format!("..{good}"),
        format!("{good}.{good}"),
        format!("{head}.{claims}.{signature}="),
        format!("{claims}.{head}.{signature}"),
        format!(
            "{{\"protected\":\"{head}\",\"payload\":\"{claims}\",\"signature\":\"{signature}\"}}"
        ),
    ] {
        ci.assert_refused(&shape, &shape);
    }
    // Somebody else's claims under a true signature.
    let other = ci.key.token(&ci.job("acme/api", "1"));
    let claims = other.split('.').nth(1).unwrap();
    ci.assert_refused(&format!("{head}.{claims}.{signature}"), "other claims");
}

#[test]
fn a_token_is_for_us_and_for_now() {
    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    let now = super::now();
    for (name, value) in [
        ("aud", json!("https://github.com/acme")),
        ("aud", json!("https://artifacts.example.com/")),
        ("aud", json!("https://artifacts.example.com.evil.example")),
        ("aud", json!(["sts.amazonaws.com"])),
        ("aud", json!([])),
        ("aud", json!(null)),
        ("aud", json!("")),
        ("aud", json!({"https://artifacts.example.com": true})),
        ("iss", json!(format!("{}/", ci.issuer.url()))),
        ("iss", json!([ci.issuer.url()])),
        ("iss", json!(null)),
        ("iss", json!("https://token.actions.githubusercontent.com")),
        ("exp", json!(null)),
        ("exp", json!(now - 61)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!((now + 300).to_string())),
        ("exp", json!([now + 300])),
        ("exp", json!(true)),
        ("nbf", json!(now + 120)),
        ("nbf", json!("soon")),
        ("iat", json!(now + 120)),
        ("iat", json!(1e300)),
        ("iat", json!("now")),
    ] {
        let token = ci.key.token(&with(&job, name, value.clone()));
        ci.assert_refused(&token, &format!("{name} {value}"));
    }
    for (name, value) in [
        (
            "aud",
            json!(["sts.amazonaws.com", "https://artifacts.example.com"]),
        ),
        ("exp", json!(now - 30)),
        ("exp", json!(1e300)),
        ("nbf", json!(now + 30)),
        ("nbf", json!(null)),
        ("iat", json!(null)),
        ("sub", json!(null)),
    ] {
        let claims = with(&job, name, value);
        ci.saying(&claims).get("/api/v1/artifacts").expect(200);
    }
}

#[test]
fn weak_keys_and_keys_for_other_ends_verify_nothing() {
    let weak_key = json!({"kty": "RSA", "kid": weak::KID, "alg": "RS256", "use": "sig", "n": weak::MODULUS, "e": "AQAB"});
    let issuer = IssuerServer::start(&[weak_key]);
    let store = sandbox();
    let url = format!("jwks_url = \"{}\"", issuer.keys_url());
    let rules = "[[issuers.rules]]\nclaims = { sub = \"weak\" }\nactions = [\"read\"]\nspec = \"*\"\ntask = \"*\"";
    let text = described("weak", weak::ISSUER, &url, rules);
    write_issuers(&store, &text.replace(super::AUDIENCE, "store"));
    let server = Server::start(&store);
    let answer = Bearer::new(&server, weak::TOKEN).get("/api/v1/artifacts");
    answer.problem(401, "unauthenticated");
    assert!(
        server.log().contains("no key of that id"),
        "{}",
        server.log()
    );

    let ci = Ci::github();
    let job = ci.job("acme/web", "1");
    for (name, value) in [("use", json!("enc")), ("key_ops", json!(["encrypt"]))] {
        ci.issuer.set_keys(&[with(&ci.key.public(), name, value)]);
        let server = Server::start(&ci.store);
        let answer = Bearer::new(&server, &ci.key.token(&job)).get("/api/v1/artifacts");
        answer.problem(401, "unauthenticated");
    }
}

#[test]
fn neither_log_nor_answer_has_any_part_of_a_token() {
    let ci = Ci::github();
    let good = ci.key.token(&ci.job("acme/web", "1"));
    let expired = ci
        .key
        .token(&with(&ci.job("acme/web", "1"), "exp", json!(1)));
    let forged = SigningKey::new("key-1", "ES256").token(&ci.job("acme/web", "1"));
    ci.bearer(&good).get("/api/v1/artifacts").expect(200);
    ci.assert_refused(&expired, "expired");
    ci.assert_refused(&forged, "forged");
    ci.assert_refused(&good[..good.len() - 1], "cut");
    let log = ci.server.log();
    for reason in [
        "it has expired",
        "its algorithm is not that of the key",
        "its signature is wrong",
    ] {
        assert!(log.contains(reason), "{reason}\n{log}");
    }
    for token in [good, expired, forged] {
        for part in token.split('.') {
            assert!(!log.contains(&part[..24]), "{log}");
        }
    }
}

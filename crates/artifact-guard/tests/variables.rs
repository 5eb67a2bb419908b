//! Secrets in files of variables, and what is only called like one.

use artifact_guard::Guard;

/// The rule and the line of each finding.
fn found(name: &str, content: &str) -> Vec<(&'static str, u64)> {
    let mut scan = Guard::default().scan(&name.parse().expect("it is a name"));
    scan.feed(content.as_bytes());
    scan.finish();
    let all = scan.findings().iter();
    all.map(|finding| (finding.rule(), finding.line()))
        .collect()
}

#[test]
fn a_mark_before_all_text_hides_nothing() {
    for (name, content, finding) in [
        (".env", "DB_PASSWORD=m4-Kq2.zT9w\n", ("env-secret", 1)),
        (".env", "\nDB_PASSWORD=m4-Kq2.zT9w\n", ("env-secret", 2)),
        (".pypirc", "password=m4-Kq2.zT9w\n", ("pypirc-password", 1)),
        (".netrc", "password\nm4-Kq2.zT9w\n", ("netrc-password", 2)),
    ] {
        assert_eq!(found(name, content), [finding], "{content}");
        let marked = format!("\u{feff}{content}");
        assert_eq!(found(name, &marked), [finding], "{content}");
    }
}

#[test]
fn variables_are_told_by_their_names_and_what_they_hold() {
    for line in [
        "DB_PASSWORD=\"one two three four\"",
        "DB_PASSWORD='one two three four'",
        r#"DB_PASSWORD="a\"b two three""#,
        "DB_PASSWORD='not-closed",
        "DATABASE_URL=postgres://app:m4-Kq2zT@db.internal/app",
        "export REDIS_URL=\"redis://:m4-Kq2zT@cache:6379\"",
        "TOKEN_URL=https://me:m4-Kq2zT@example.org/",
        "API_KEY_2=m4-Kq2.zT9w",
        "TOKENS=m4-Kq2.zT9w",
        "clientSecret=m4-Kq2.zT9w",
        "SECRET_KEY_BASE=m4-Kq2.zT9w",
        "SECRETKEY=m4-Kq2.zT9w",
        "TOKENIZER_PASSWORD=m4-Kq2.zT9w",
    ] {
        assert_eq!(found(".env", line), [("env-secret", 1)], "{line}");
    }
    for line in [
        "TOKENIZER_MODEL=cl100k_base",
        "TOKENIZERS_PARALLELISM=false-or-true",
        "SECRETARY=jane.doe@corp",
        "SECRET_BACKEND=hashicorp-vault",
        "PASSWORD_POLICY=twelve-or-more",
        "PASSWORD_HINT=\"ask the administrator\"",
        "TOKEN_ENDPOINT=https://login.corp/oauth/token",
        "TOKEN_MODEL=cl100k_base",
        "JWT_SECRET_ARN=arn:aws:secretsmanager:eu-west-1:1:secret:x",
        "DATABASE_URL=postgres://app@db.internal/app",
        "DATABASE_URL=postgres://app:${DB_PASSWORD}@db.internal/app",
        "DATABASE_URL=postgres://postgres:postgres@localhost/app",
        "DATABASE_URL=postgres://app:password@localhost/app",
        "DATABASE_URL=postgres://app:changeme1@localhost/app",
        "API_KEY=put_your_key_here",
        "API_KEY=\"\" # none of the keys",
    ] {
        assert_eq!(found(".env", line), [], "{line}");
    }
}

//! moto: S3 in Python, with what the simpler servers lack: storage classes, restores, lifecycle rules
//! that are kept, versions, conditions. It judges signatures once its first user is made.

use std::path::PathBuf;
use std::process::Command;

use serde_json::{Value, json};

use super::access::Access;
use super::process::{Process, free_port};
use super::{Server, venv};

/// How many requests it takes before it asks who is there: the one that it first answers, and those
/// that make the users.
const UNSIGNED_REQUESTS: &str = "6";
const ALLOW_ALL: &str =
    r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}"#;

/// A running moto.
#[derive(Debug)]
pub struct Moto {
    /// Who may do anything.
    pub owner: Access,
    /// Who may do nothing.
    pub stranger: Access,
    process: Option<Process>,
}

impl Server for Moto {
    const NAME: &'static str = "moto";

    fn start() -> Self {
        let port = free_port();
        let mut command = Command::new(venv("moto_server"));
        command
            .args(["--host", "127.0.0.1", "--port", &port.to_string()])
            .env("INITIAL_NO_AUTH_ACTION_COUNT", UNSIGNED_REQUESTS);
        let nobody = Access::new(port, "nobody", "nothing");
        let process = Process::start(Self::NAME, &command).wait_for(&nobody.endpoint);
        let owner = user(&nobody, "owner");
        let stranger = user(&nobody, "stranger");
        iam(
            &nobody,
            &[
                "Action=PutUserPolicy",
                "UserName=owner",
                "PolicyName=all",
                &format!("PolicyDocument={ALLOW_ALL}"),
            ],
        );
        Self {
            owner,
            stranger,
            process: Some(process),
        }
    }

    fn log(&self) -> Option<PathBuf> {
        self.process.as_ref().map(Process::log)
    }

    fn hand_over(&self) -> Value {
        json!([self.owner.to_json(), self.stranger.to_json()])
    }

    fn take_over(value: &Value) -> Self {
        Self {
            owner: Access::from_json(&value[0]),
            stranger: Access::from_json(&value[1]),
            process: None,
        }
    }
}

/// Makes a user with a key.
fn user(nobody: &Access, name: &str) -> Access {
    let named = format!("UserName={name}");
    iam(nobody, &["Action=CreateUser", &named]);
    let answer = iam(nobody, &["Action=CreateAccessKey", &named]);
    let within = |tag: &str| {
        let (_, rest) = answer.split_once(&format!("<{tag}>"))?;
        rest.split_once('<').map(|(text, _)| text)
    };
    match (within("AccessKeyId"), within("SecretAccessKey")) {
        (Some(key), Some(secret)) => nobody.of(key, secret),
        _ => panic!("moto gives no key: {answer}"),
    }
}

fn iam(nobody: &Access, fields: &[&str]) -> String {
    let mut args = vec!["--data", "Version=2010-05-08"];
    for field in fields {
        args.extend(["--data-urlencode", field]);
    }
    let (status, answer) = nobody.curl_service("iam", &args, "/");
    assert_eq!(status, 200, "moto makes no user: {answer}");
    answer
}

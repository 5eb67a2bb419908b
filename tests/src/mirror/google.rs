//! A bucket of Google's, as far as a mirror needs it. Knows no folder but what it is told.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::NamedTempFile;

use super::{Listed, Remote, guessed};
use crate::servers::{
    GcpEmulator, Headers, Proxy, Request, Transfer, What, Which, encoded, transfer,
};

/// What brings bytes to a session.
const CHUNKS: Which<'_> = Which {
    method: "PUT",
    target: "upload_id=",
};

/// Parts what is said of an object from its bytes.
const BOUNDARY: &str = "e2e-5c1f0b7d9a3e4862-boundary";

/// A bucket of the emulator, and the way to it: sessions are not listed, so what goes to them is
/// counted there.
#[derive(Debug)]
pub(crate) struct Google {
    emulator: &'static GcpEmulator,
    proxy: Proxy,
    bucket: String,
}

impl Google {
    pub(crate) fn new(emulator: &'static GcpEmulator, bucket: String) -> Self {
        let proxy = Proxy::before(&emulator.endpoint);
        Self {
            emulator,
            proxy,
            bucket,
        }
    }

    /// Where the program finds it.
    pub(crate) fn endpoint(&self) -> &str {
        self.proxy.endpoint()
    }

    fn request(&self, path: &str, what: What) -> Transfer {
        Transfer {
            url: format!("{}{path}", self.emulator.endpoint),
            what,
        }
    }

    fn object(&self, key: &str) -> String {
        format!("/storage/v1/b/{}/o/{}", self.bucket, encoded(key, ""))
    }
}

impl Remote for Google {
    fn list(&self) -> Vec<Listed> {
        let path = format!("/storage/v1/b/{}/o", self.bucket);
        let (status, answer) = self.emulator.curl(&["--retry", "3"], &path);
        assert_eq!(status, 200, "nothing is listed: {answer}");
        let answer: Value = serde_json::from_str(&answer).expect("it is JSON");
        // The emulator has one page of all.
        assert_eq!(answer["nextPageToken"], Value::Null);
        let items = answer["items"].as_array().cloned().unwrap_or_default();
        let text = |item: &Value, key: &str| match &item[key] {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let listed = items.iter().map(|item| Listed {
            key: text(item, "name"),
            size_bytes: text(item, "size").parse().expect("it is a number"),
            tag: text(item, "generation"),
        });
        listed.collect()
    }

    fn fetch(&self, wanted: &[(String, PathBuf)]) -> Vec<Option<Headers>> {
        let requests = wanted.iter().map(|(key, path)| {
            let media = format!("/download{}?alt=media", self.object(key));
            self.request(&media, What::Get(path.clone()))
        });
        let answers = transfer(None, &requests.collect::<Vec<_>>()).into_iter();
        let headers = answers.zip(wanted).map(|(answer, (key, _))| {
            // The emulator does not say how an object is encoded.
            let content_encoding = guessed(key).content_encoding;
            Some(Headers {
                content_encoding,
                ..answer.headers(key)?
            })
        });
        headers.collect()
    }

    fn put(&self, objects: &[(String, PathBuf, Headers)]) {
        let bodies = objects.iter();
        let bodies: Vec<_> = bodies
            .map(|(key, path, headers)| body(key, path, headers))
            .collect();
        let path = format!(
            "/upload/storage/v1/b/{}/o?uploadType=multipart",
            self.bucket
        );
        let sent = vec![format!(
            "Content-Type: multipart/related; boundary={BOUNDARY}"
        )];
        let requests = bodies
            .iter()
            .map(|body| self.request(&path, What::Post(body.path().to_owned(), sent.clone())));
        for answer in transfer(None, &requests.collect::<Vec<_>>()) {
            assert_eq!(answer.status, 200, "nothing is put");
        }
    }

    fn delete(&self, keys: &[String]) {
        let requests = keys
            .iter()
            .map(|key| self.request(&self.object(key), What::Delete));
        for answer in transfer(None, &requests.collect::<Vec<_>>()) {
            assert!(
                [200, 204, 404].contains(&answer.status),
                "nothing is deleted"
            );
        }
    }

    fn parts(&self) -> Vec<(String, u64)> {
        Vec::new()
    }

    fn hidden_bytes(&self) -> Option<u64> {
        let chunks = self.proxy.seen().into_iter().filter(|seen| CHUNKS.is(seen));
        let length = |seen: Request| seen.header("content-length")?.parse::<u64>().ok();
        Some(chunks.filter_map(length).sum())
    }

    fn abort_uploads(&self) {}
}

/// What is said of an object, and its bytes, as one request has them.
fn body(key: &str, path: &Path, headers: &Headers) -> NamedTempFile {
    let mut said = json!({ "name": key, "contentType": headers.content_type });
    if !headers.content_encoding.is_empty() {
        said["contentEncoding"] = headers.content_encoding.clone().into();
    }
    let head = format!(
        "--{BOUNDARY}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{said}\r\n\
         --{BOUNDARY}\r\nContent-Type: {}\r\n\r\n",
        headers.content_type
    );
    let tail = format!("\r\n--{BOUNDARY}--\r\n");
    let bytes = fs::read(path).expect("files of the mirror can be read");
    let whole = [head.as_bytes(), &bytes, tail.as_bytes()].concat();
    let mut file = NamedTempFile::new().expect("a temporary file can be made");
    file.write_all(&whole).expect("it can be written");
    file
}

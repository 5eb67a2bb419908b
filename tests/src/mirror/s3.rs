//! A bucket of S3, as far as a mirror needs it. Knows no folder but what it is told.

use std::path::PathBuf;

use super::{Listed, Remote};
use crate::servers::{Access, Headers, Transfer, What, encoded, transfer};

/// A bucket of a service.
#[derive(Debug)]
pub(crate) struct S3 {
    access: Access,
    bucket: String,
}

impl S3 {
    pub(crate) fn new(access: Access, bucket: String) -> Self {
        Self { access, bucket }
    }

    fn path(&self, key: &str) -> String {
        format!("/{}/{}", self.bucket, encoded(key, "/"))
    }

    fn request(&self, key: &str, what: What) -> Transfer {
        Transfer {
            url: format!("{}{}", self.access.endpoint, self.path(key)),
            what,
        }
    }

    /// One answer of the service; none where what was asked for has gone.
    fn ask(&self, method: &str, path: &str) -> Option<String> {
        let (status, answer) = self
            .access
            .curl(&["--retry", "3", "--request", method], path);
        if status == 404 {
            return None;
        }
        assert!(
            (200..300).contains(&status),
            "{method} {path}: {status} {answer}"
        );
        Some(answer)
    }

    /// The keys and ids of the uploads that are not published.
    fn uploads(&self) -> Vec<(String, String)> {
        let answer = self.ask("GET", &format!("/{}?uploads=", self.bucket));
        let answer = answer.unwrap_or_default();
        assert!(
            within(&answer, "IsTruncated") != Some("true"),
            "so many uploads"
        );
        let uploads = all(&answer, "Upload").into_iter();
        let upload = |upload| {
            Some((
                plain(within(upload, "Key")?),
                plain(within(upload, "UploadId")?),
            ))
        };
        uploads.filter_map(upload).collect()
    }
}

impl Remote for S3 {
    fn list(&self) -> Vec<Listed> {
        let mut listed = Vec::new();
        let mut token = None;
        loop {
            let from =
                token.map(|token: String| format!("continuation-token={}&", encoded(&token, "")));
            let path = format!("/{}?{}list-type=2", self.bucket, from.unwrap_or_default());
            let answer = self.ask("GET", &path).expect("the bucket is there");
            listed.extend(all(&answer, "Contents").into_iter().map(|object| {
                let text = |tag| plain(within(object, tag).expect("an object has all of these"));
                Listed {
                    key: text("Key"),
                    size_bytes: text("Size").parse().expect("it is a number"),
                    tag: format!("{} {}", text("ETag"), text("LastModified")),
                }
            }));
            token = within(&answer, "NextContinuationToken").map(plain);
            if token.is_none() {
                return listed;
            }
        }
    }

    fn fetch(&self, wanted: &[(String, PathBuf)]) -> Vec<Option<Headers>> {
        let requests = wanted.iter();
        let requests: Vec<_> = requests
            .map(|(key, path)| self.request(key, What::Get(path.clone())))
            .collect();
        let answers = transfer(Some(&self.access), &requests).into_iter();
        answers
            .zip(wanted)
            .map(|(answer, (key, _))| answer.headers(key))
            .collect()
    }

    fn put(&self, objects: &[(String, PathBuf, Headers)]) {
        let objects = objects.iter().map(|(key, path, headers)| {
            let mut sent = vec![format!("Content-Type: {}", headers.content_type)];
            if !headers.content_encoding.is_empty() {
                sent.push(format!("Content-Encoding: {}", headers.content_encoding));
            }
            self.request(key, What::Put(path.clone(), sent))
        });
        for answer in transfer(Some(&self.access), &objects.collect::<Vec<_>>()) {
            assert_eq!(answer.status, 200, "nothing is put");
        }
    }

    fn delete(&self, keys: &[String]) {
        let requests = keys.iter().map(|key| self.request(key, What::Delete));
        for answer in transfer(Some(&self.access), &requests.collect::<Vec<_>>()) {
            assert!([204, 404].contains(&answer.status), "nothing is deleted");
        }
    }

    fn parts(&self) -> Vec<(String, u64)> {
        let mut found = Vec::new();
        for (key, id) in self.uploads() {
            let id = encoded(&id, "");
            let path = format!("{}?uploadId={id}", self.path(&key));
            // It may be published or given up meanwhile.
            let parts = self.ask("GET", &path).unwrap_or_default();
            for part in all(&parts, "Part") {
                let number = |tag| within(part, tag).and_then(|text| text.parse::<u64>().ok());
                if let (Some(part), Some(length)) = (number("PartNumber"), number("Size")) {
                    found.push((format!("{id}.part-{part}"), length));
                }
            }
        }
        found
    }

    fn hidden_bytes(&self) -> Option<u64> {
        None
    }

    fn abort_uploads(&self) {
        for (key, id) in self.uploads() {
            let id = encoded(&id, "");
            self.ask("DELETE", &format!("{}?uploadId={id}", self.path(&key)));
        }
    }
}

/// What is within the first of these tags.
fn within<'a>(xml: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = xml.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(text, _)| text)
}

/// What is within each of these tags.
fn all<'a>(xml: &'a str, tag: &str) -> Vec<&'a str> {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    let parts = xml.split(&begin).skip(1);
    parts
        .filter_map(|part| part.split_once(&end))
        .map(|(text, _)| text)
        .collect()
}

/// Text of XML as it is meant.
fn plain(text: &str) -> String {
    let signs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&apos;", "'"),
    ];
    let text = signs
        .iter()
        .fold(text.to_owned(), |text, (from, to)| text.replace(from, to));
    text.replace("&amp;", "&")
}

//! Checks that write: objects below the doctor's own folder, which are taken away again.

use std::time::Duration;

use artifact_domain::{Check, ErrorKind, Result, Timestamp};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use futures::FutureExt;
use http::{Method, StatusCode};
use md5::{Digest as _, Md5};

use super::super::xml;
use super::{CONTENT, Probe, S3Doctor, wrong};

/// For how long the doctor's signed URLs hold.
const SIGNED_FOR: Duration = Duration::from_mins(1);

const PLAIN: (&str, &str) = ("content-type", "application/octet-stream");

/// The CRC-32C of other bytes than those that are sent.
const WRONG_CHECKSUM: (&str, &str) = ("x-amz-checksum-crc32c", "AAAAAA==");

impl S3Doctor {
    /// Writes an object that others read.
    pub(super) async fn write(&self) -> Result<Vec<Check>> {
        let key = self.key("object");
        let doing = "write an object";
        self.must(doing, Method::PUT, Some(&key), &[], &[PLAIN], CONTENT)
            .await?;
        Ok(vec![Check::ok("write", "an object can be written")])
    }

    /// What is tried once an object can be written.
    pub(super) fn uses(&self, now: Timestamp) -> Vec<Probe<'_>> {
        vec![
            ("read", self.read().boxed()),
            ("range", self.range().boxed()),
            ("list", self.list().boxed()),
            ("multipart", self.multipart().boxed()),
            ("checksum", self.checksum().boxed()),
            ("conditional-write", self.conditional_write().boxed()),
            ("presign-get", self.presigned_get().boxed()),
            ("presign-put", self.presigned_put().boxed()),
            ("storage-class", self.storage_classes().boxed()),
            ("leftovers", self.leftovers(now).boxed()),
        ]
    }

    async fn read(&self) -> Result<Vec<Check>> {
        let key = self.key("object");
        let doing = "read an object";
        let answer = self
            .must(doing, Method::GET, Some(&key), &[], &[], "")
            .await?;
        if answer.body != CONTENT {
            return Err(wrong("what was read is not what was written"));
        }
        Ok(vec![Check::ok("read", "what was written can be read")])
    }

    async fn range(&self) -> Result<Vec<Check>> {
        let key = self.key("object");
        let range = [("range", "bytes=2-5")];
        let doing = "read a range";
        let answer = self
            .must(doing, Method::GET, Some(&key), &[], &range, "")
            .await?;
        if answer.status != StatusCode::PARTIAL_CONTENT || answer.body != CONTENT[2..=5] {
            return Err(wrong("a range was asked for, and something else came"));
        }
        Ok(vec![Check::ok("range", "a range can be read")])
    }

    async fn list(&self) -> Result<Vec<Check>> {
        let query = [("list-type", "2"), ("prefix", self.folder.as_str())];
        let doing = "list objects";
        let answer = self.must(doing, Method::GET, None, &query, &[], "").await?;
        let text = String::from_utf8_lossy(&answer.body);
        if !text.contains("/object</Key>") {
            return Err(wrong("an object that was written is not in the listing"));
        }
        Ok(vec![Check::ok("list", "objects can be listed")])
    }

    async fn multipart(&self) -> Result<Vec<Check>> {
        let key = self.key("parts");
        let key = Some(key.as_str());
        let begin = [("uploads", "")];
        let doing = "begin a multipart upload";
        let answer = self
            .must(doing, Method::POST, key, &begin, &[PLAIN], "")
            .await?;
        let text = String::from_utf8_lossy(&answer.body);
        let id = xml::upload_id(&text).ok_or_else(|| wrong("a multipart upload has no id"))?;
        let part = [("partNumber", "1"), ("uploadId", id.as_str())];
        let sent = self.must("upload a part", Method::PUT, key, &part, &[], CONTENT);
        let sent = sent.await;
        let upload = [("uploadId", id.as_str())];
        let doing = "abort a multipart upload";
        let aborted = self
            .must(doing, Method::DELETE, key, &upload, &[], "")
            .await;
        sent?;
        aborted?;
        let said = "a multipart upload can be begun, written to and aborted";
        Ok(vec![Check::ok("multipart", said)])
    }

    async fn checksum(&self) -> Result<Vec<Check>> {
        const NAME: &str = "checksum";
        let key = self.key("damaged");
        let headers = [PLAIN, WRONG_CHECKSUM];
        let doing = "write an object with a wrong checksum";
        let answer = self.ask(doing, Method::PUT, Some(&key), &[], &headers, CONTENT);
        let answer = answer.await?;
        Ok(vec![if answer.status.is_success() {
            Check::warn(
                NAME,
                "the service takes bytes whose checksum is wrong",
                "damage on the way is found when an artifact is read, not when it is stored: \
                 `artifact verify` at times, and a service that checks CRC-32C",
            )
        } else if answer.status.is_client_error() {
            Check::ok(NAME, "bytes that arrive damaged are refused")
        } else {
            Check::lacks(NAME, &answer.error(doing))
        }])
    }

    async fn conditional_write(&self) -> Result<Vec<Check>> {
        const NAME: &str = "conditional-write";
        let key = self.key("object");
        let headers = [PLAIN, ("if-none-match", "*")];
        let doing = "write an object only if it is not there";
        let answer = self.ask(doing, Method::PUT, Some(&key), &[], &headers, CONTENT);
        let answer = answer.await?;
        Ok(vec![match answer.status {
            StatusCode::PRECONDITION_FAILED | StatusCode::CONFLICT => Check::ok(NAME, "honoured"),
            status if status.is_success() => Check::ok(
                NAME,
                "ignored by the service; no promise of the store rests on it",
            ),
            status => Check::ok(
                NAME,
                format!("refused ({status}); no promise of the store rests on it"),
            ),
        }])
    }

    async fn presigned_get(&self) -> Result<Vec<Check>> {
        const NAME: &str = "presign-get";
        let key = self.key("object");
        let doing = "download by a signed URL";
        let answer = self
            .client
            .by_signed_url(doing, Method::GET, &key, Bytes::new(), SIGNED_FOR);
        let answer = answer.await?;
        if !answer.status.is_success() {
            return Ok(vec![Check::lacks(NAME, &answer.error(doing))]);
        }
        if answer.body != CONTENT {
            return Err(wrong("a signed URL gives other bytes"));
        }
        Ok(vec![Check::ok(
            NAME,
            "a signed URL downloads without credentials",
        )])
    }

    async fn presigned_put(&self) -> Result<Vec<Check>> {
        const NAME: &str = "presign-put";
        let key = self.key("signed");
        let doing = "upload by a signed URL";
        let body = Bytes::from_static(CONTENT);
        let answer = self
            .client
            .by_signed_url(doing, Method::PUT, &key, body, SIGNED_FOR);
        let answer = answer.await?;
        if !answer.status.is_success() {
            return Ok(vec![Check::lacks(NAME, &answer.error(doing))]);
        }
        Ok(vec![Check::ok(
            NAME,
            "a signed URL uploads without credentials",
        )])
    }

    async fn storage_classes(&self) -> Result<Vec<Check>> {
        const NAME: &str = "storage-class";
        let mut checks = Vec::new();
        for (number, class) in self.classes.iter().enumerate() {
            let key = self.key(&format!("class-{number}"));
            let headers = [PLAIN, ("x-amz-storage-class", class)];
            let doing = format!("write an object of class {class}");
            let answer = self.ask(&doing, Method::PUT, Some(&key), &[], &headers, CONTENT);
            let answer = answer.await?;
            checks.push(if answer.status.is_success() {
                Check::ok(NAME, format!("{class} is taken"))
            } else {
                let error = answer
                    .error(&doing)
                    .with_hint("set `s3.storage_classes` to classes that the service has");
                Check::fail(NAME, &error)
            });
        }
        Ok(checks)
    }

    /// Deletes all objects of the doctor in one request, or one by one where that fails.
    pub(super) async fn clear(&self) -> Result<Vec<Check>> {
        let mut names = ["object", "parts", "damaged", "signed"]
            .map(str::to_owned)
            .to_vec();
        names.extend((0..self.classes.len()).map(|number| format!("class-{number}")));
        let keys: Vec<_> = names.iter().map(|name| self.key(name)).collect();
        let document = xml::of_deletion(&keys);
        let digest = BASE64.encode(Md5::digest(document.as_bytes()));
        let headers = [
            ("content-type", "application/xml"),
            ("content-md5", &digest),
        ];
        let query = [("delete", "")];
        let doing = "delete many objects at once";
        let many = self
            .must(doing, Method::POST, None, &query, &headers, document)
            .await;
        let failed = match many {
            Ok(answer) if !String::from_utf8_lossy(&answer.body).contains("<Error>") => {
                let said = "many objects can be deleted at once";
                return Ok(vec![Check::ok("delete", said)]);
            }
            Ok(_) => wrong("not all objects could be deleted"),
            Err(error) => error,
        };
        for key in &keys {
            let doing = format!("delete `{key}`");
            let answer = self
                .ask(&doing, Method::DELETE, Some(key), &[], &[], "")
                .await?;
            if !answer.status.is_success() && answer.status != StatusCode::NOT_FOUND {
                return Err(answer.error(&doing).with_hint(format!(
                    "delete what is below `{}` in the bucket by hand, and allow the store to \
                     delete",
                    self.folder
                )));
            }
        }
        if failed.kind() == ErrorKind::PermissionDenied {
            return Err(failed);
        }
        let said = format!(
            "objects can be deleted one by one alone: {}",
            failed.message()
        );
        Ok(vec![Check::warn(
            "delete",
            said,
            "deleting many artifacts takes longer",
        )])
    }
}

//! Checks that write: objects below the doctor's own folder, which are taken away again.

use std::time::Duration;

use artifact_domain::{Check, ErrorKind, Result, Timestamp};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use opendal::Buffer;
use serde_json::{Value, json};

use super::super::raw::{RawRequest, RawResponse, encoded};
use super::{CONTENT, GcsDoctor, Probe, must, wrong};
use crate::error::from_remote;

/// For how long the doctor's signed URLs hold.
const SIGNED_FOR: Duration = Duration::from_mins(1);

/// The CRC-32C of other bytes than those that are sent.
const WRONG_CHECKSUM: &str = "AAAAAA==";

const PLAIN: &str = "application/octet-stream";

/// All that the doctor may have written, beside an object for each class.
const NAMES: [&str; 4] = ["object", "damaged", "signed", "chunks"];

impl GcsDoctor {
    /// Writes an object that others read.
    pub(super) async fn write(&self) -> Result<Vec<Check>> {
        let answer = self.put("write an object", "object", "", json!({})).await?;
        if !answer.status.is_success() {
            return Err(answer.error("write an object"));
        }
        Ok(vec![Check::ok("write", "an object can be written")])
    }

    /// What is tried once an object can be written.
    pub(super) fn uses(&self, now: Timestamp) -> Vec<Probe<'_>> {
        vec![
            ("read", Box::pin(self.read())),
            ("range", Box::pin(self.range())),
            ("list", Box::pin(self.list())),
            ("resumable", Box::pin(self.resumable())),
            ("checksum", Box::pin(self.checksum())),
            ("conditional-write", Box::pin(self.conditional_write())),
            ("presign-get", Box::pin(self.presigned(Method::GET))),
            ("presign-put", Box::pin(self.presigned(Method::PUT))),
            ("storage-class", Box::pin(self.storage_classes())),
            ("leftovers", Box::pin(self.leftovers(now))),
        ]
    }

    /// Writes an object as the store does, in one request, with what is said of it besides.
    async fn put(&self, doing: &str, name: &str, query: &str, more: Value) -> Result<RawResponse> {
        let mut said = json!({ "name": self.name(name), "contentType": PLAIN });
        for (key, value) in more.as_object().into_iter().flatten() {
            said[key] = value.clone();
        }
        let boundary = "artifact-doctor";
        let head = format!(
            "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{said}\r\n\
             --{boundary}\r\nContent-Type: {PLAIN}\r\n\r\n"
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        let url = self
            .objects
            .upload_url(&format!("uploadType=multipart{query}"));
        let mut request = RawRequest::new(Method::POST, url);
        let related = HeaderValue::from_static("multipart/related; boundary=artifact-doctor");
        request.headers.insert(header::CONTENT_TYPE, related);
        request.body = Buffer::from(Bytes::from(
            [head.as_bytes(), CONTENT, tail.as_bytes()].concat(),
        ));
        self.objects.send(doing, &request).await
    }

    async fn read(&self) -> Result<Vec<Check>> {
        let request = self.object(Method::GET, "object", "?alt=media");
        let answer = must(&self.objects, "read an object", &request).await?;
        if answer.body != CONTENT {
            return Err(wrong("what was read is not what was written"));
        }
        Ok(vec![Check::ok("read", "what was written can be read")])
    }

    async fn range(&self) -> Result<Vec<Check>> {
        let mut request = self.object(Method::GET, "object", "?alt=media");
        let range = HeaderValue::from_static("bytes=2-5");
        request.headers.insert(header::RANGE, range);
        let answer = must(&self.objects, "read a range", &request).await?;
        if answer.status != StatusCode::PARTIAL_CONTENT || answer.body != CONTENT[2..=5] {
            return Err(wrong("a range was asked for, and something else came"));
        }
        Ok(vec![Check::ok("range", "a range can be read")])
    }

    async fn list(&self) -> Result<Vec<Check>> {
        let place = format!("/o?prefix={}", encoded(&self.name("")));
        let request = RawRequest::new(Method::GET, self.objects.bucket_url(&place));
        let answer = must(&self.objects, "list objects", &request).await?;
        if !String::from_utf8_lossy(&answer.body).contains(&self.name("object")) {
            return Err(wrong("an object that was written is not in the listing"));
        }
        Ok(vec![Check::ok("list", "objects can be listed")])
    }

    /// Begins an upload in chunks, sends one, asks for it and gives it up.
    async fn resumable(&self) -> Result<Vec<Check>> {
        let url = self.objects.upload_url("uploadType=resumable");
        let said = json!({ "name": self.name("chunks"), "contentType": PLAIN });
        let request = RawRequest::new(Method::POST, url).with_json(said.to_string());
        let begun = must(&self.objects, "begin a resumable upload", &request).await?;
        let place = begun.headers.get(header::LOCATION);
        let place = place.and_then(|place| place.to_str().ok());
        let place = place.ok_or_else(|| wrong("a resumable upload has no address"))?;
        let mut chunk = RawRequest::new(Method::PUT, place.to_owned());
        chunk.is_signed = false;
        let mut ending = chunk.clone();
        ending.method = Method::DELETE;
        chunk.body = Buffer::from(Bytes::from(vec![b'x'; 256 << 10]));
        let range = HeaderValue::from_static("bytes 0-262143/*");
        chunk.headers.insert(header::CONTENT_RANGE, range);
        let sent = self.objects.send_once(&chunk).await;
        let given_up = self.objects.send_once(&ending).await;
        // What failed has the address in it, which nobody else is to know.
        let unseen = |what: &str| {
            let error = artifact_domain::Error::new(ErrorKind::Unavailable, what);
            error.with_hint("check the network, and how busy the service is")
        };
        let sent = sent.map_err(|_| unseen("the chunk of an upload got no answer"))?;
        if sent.status != StatusCode::PERMANENT_REDIRECT {
            return Err(sent.error("upload a chunk"));
        }
        given_up.map_err(|_| unseen("an upload could not be given up"))?;
        let said = "an upload can be begun, written to and given up";
        Ok(vec![Check::ok("resumable", said)])
    }

    async fn checksum(&self) -> Result<Vec<Check>> {
        const NAME: &str = "checksum";
        let doing = "write an object with a wrong checksum";
        let more = json!({ "crc32c": WRONG_CHECKSUM });
        let answer = self.put(doing, "damaged", "", more).await?;
        Ok(vec![if answer.status.is_success() {
            Check::warn(
                NAME,
                "the service takes bytes whose checksum is wrong",
                "the store compares them itself; a service that refuses them is better",
            )
        } else if answer.status.is_client_error() {
            Check::ok(NAME, "bytes that arrive damaged are refused")
        } else {
            Check::lacks(NAME, &answer.error(doing))
        }])
    }

    async fn conditional_write(&self) -> Result<Vec<Check>> {
        const NAME: &str = "conditional-write";
        let doing = "write an object only if it is not there";
        let answer = self
            .put(doing, "object", "&ifGenerationMatch=0", json!({}))
            .await?;
        Ok(vec![match answer.status {
            StatusCode::PRECONDITION_FAILED => Check::ok(NAME, "honoured"),
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

    /// Signs a URL, and uses it as somebody without credentials would.
    async fn presigned(&self, method: Method) -> Result<Vec<Check>> {
        let is_get = method == Method::GET;
        let (check, doing, name) = if is_get {
            ("presign-get", "download by a signed URL", "object")
        } else {
            ("presign-put", "upload by a signed URL", "signed")
        };
        let mut url = self.objects.object_url(&self.name(name));
        if let Some(project) = &self.options.project {
            url = format!("{url}?userProject={}", encoded(project));
        }
        let signed = match self.objects.signed(method.clone(), url, SIGNED_FOR).await {
            Some(Ok(signed)) => signed,
            Some(Err(cause)) => return Ok(vec![Check::lacks(check, &from_remote(doing, cause))]),
            None => {
                let said = "nothing is signed: the endpoint is plain http, as emulators are";
                return Ok(vec![Check::warn(
                    check,
                    said,
                    "Google's own service signs URLs",
                )]);
            }
        };
        let mut request = RawRequest::new(method, signed.uri.to_string());
        request.is_signed = false;
        request.headers = HeaderMap::new();
        if !is_get {
            request.body = Buffer::from(Bytes::from_static(CONTENT));
            let plain = HeaderValue::from_static(PLAIN);
            request.headers.insert(header::CONTENT_TYPE, plain);
        }
        let answer = self.objects.send(doing, &request).await?;
        if !answer.status.is_success() {
            return Ok(vec![Check::lacks(check, &answer.error(doing))]);
        }
        if is_get && answer.body != CONTENT {
            return Err(wrong("a signed URL gives other bytes"));
        }
        let does = if is_get { "downloads" } else { "uploads" };
        let said = format!("a signed URL {does} without credentials");
        Ok(vec![Check::ok(check, said)])
    }

    async fn storage_classes(&self) -> Result<Vec<Check>> {
        const NAME: &str = "storage-class";
        let mut checks = Vec::new();
        for (number, class) in self.classes.iter().enumerate() {
            let doing = format!("write an object of class {class}");
            let name = format!("class-{number}");
            let more = json!({ "storageClass": class });
            let answer = self.put(&doing, &name, "", more).await?;
            checks.push(if answer.status.is_success() {
                Check::ok(NAME, format!("{class} is taken"))
            } else {
                let error = answer
                    .error(&doing)
                    .with_hint("set `gcs.storage_classes` to classes that the service has");
                Check::fail(NAME, &error)
            });
        }
        Ok(checks)
    }

    /// Deletes all objects of the doctor as the store does: in one request, or one by one where that
    /// fails.
    pub(super) async fn clear(&self) -> Result<Vec<Check>> {
        let mut names = NAMES.map(str::to_owned).to_vec();
        names.extend((0..self.classes.len()).map(|number| format!("class-{number}")));
        let keys: Vec<_> = names
            .iter()
            .map(|name| format!("{}{name}", self.folder))
            .collect();
        let Err(cause) = self.operator.delete_iter(keys).await else {
            let said = "many objects can be deleted at once";
            return Ok(vec![Check::ok("delete", said)]);
        };
        let failed = from_remote("delete many objects at once", cause);
        for name in &names {
            let doing = format!("delete `{}`", self.name(name));
            let request = self.object(Method::DELETE, name, "");
            let answer = self.objects.send(&doing, &request).await?;
            if !answer.status.is_success() && answer.status != StatusCode::NOT_FOUND {
                return Err(answer.error(&doing).with_hint(format!(
                    "delete what is below `{}` in the bucket by hand, and allow the store to \
                     delete",
                    self.name("")
                )));
            }
        }
        let said = format!(
            "objects can be deleted one by one alone: {}",
            failed.message()
        );
        let hint = "deleting many artifacts takes longer";
        Ok(vec![Check::warn("delete", said, hint)])
    }
}

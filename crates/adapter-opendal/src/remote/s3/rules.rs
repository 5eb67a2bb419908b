//! The rules of a bucket as S3 keeps them: documents in which those of others stay word for word.
//! Knows their calls and their XML (`xml`), not what the rules are for.

use artifact_domain::port::{
    BucketRules, CorsRule, FoundRule, FoundRules, LifecycleRule, is_own_statement, own_rule_name,
};
use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use md5::{Digest as _, Md5};
use serde_json::{Value, json};

use super::raw::{RawClient, RawRequest, RawResponse, is_unsupported};
use super::xml;

/// Says from which size on objects move to other classes. It is part of the rules though it is no
/// part of their document: who does not say it again sets it back.
const SMALLEST_TO_MOVE: HeaderName =
    HeaderName::from_static("x-amz-transition-default-minimum-object-size");

/// The rules of one bucket of S3, of which one store's are told by its prefix.
#[derive(Debug)]
pub struct S3BucketRules {
    client: RawClient,
    bucket: String,
    /// Empty, or ending in a slash.
    prefix: String,
}

/// One of the documents of a bucket.
struct Kind {
    /// The parameter that names it.
    query: &'static str,
    /// What it is called to people.
    name: &'static str,
    /// What the service says where a bucket has none.
    absent: &'static str,
}

const LIFECYCLE: Kind = Kind {
    query: "lifecycle",
    name: "lifecycle rules",
    absent: "NoSuchLifecycleConfiguration",
};
const CORS: Kind = Kind {
    query: "cors",
    name: "CORS rules",
    absent: "NoSuchCORSConfiguration",
};
const POLICY: Kind = Kind {
    query: "policy",
    name: "policy",
    absent: "NoSuchBucketPolicy",
};

impl S3BucketRules {
    pub(super) fn new(client: RawClient, bucket: &str, root: &str) -> Self {
        Self {
            client,
            bucket: bucket.to_owned(),
            prefix: root.trim_start_matches('/').to_owned(),
        }
    }

    /// The document, and the headers that came with it; none where the bucket has none.
    async fn read(&self, kind: &Kind) -> Result<Option<(String, HeaderMap)>> {
        let doing = format!("read the {} of bucket `{}`", kind.name, self.bucket);
        let answer = self.ask(&doing, Method::GET, kind, HeaderMap::new(), Bytes::new());
        let answer = answer.await?;
        if answer.status == StatusCode::NOT_FOUND {
            let body = String::from_utf8_lossy(&answer.body);
            if body.contains(kind.absent) {
                return Ok(None);
            }
        }
        let answer = Self::accepted(&doing, kind, answer)?;
        let text = String::from_utf8(answer.body.to_vec());
        let text = text.map_err(|cause| strange(&doing).with_source(cause))?;
        Ok(Some((text, answer.headers)))
    }

    async fn write(&self, kind: &Kind, mut headers: HeaderMap, document: String) -> Result<()> {
        let doing = format!("write the {} of bucket `{}`", kind.name, self.bucket);
        let digest = BASE64.encode(Md5::digest(document.as_bytes()));
        let digest = HeaderValue::from_str(&digest);
        let digest = digest.map_err(|cause| strange(&doing).with_source(cause))?;
        headers.insert(HeaderName::from_static("content-md5"), digest);
        let body = Bytes::from(document);
        let answer = self.ask(&doing, Method::PUT, kind, headers, body).await?;
        Self::accepted(&doing, kind, answer).map(drop)
    }

    async fn delete(&self, kind: &Kind) -> Result<()> {
        let doing = format!("remove the {} of bucket `{}`", kind.name, self.bucket);
        let answer = self.ask(&doing, Method::DELETE, kind, HeaderMap::new(), Bytes::new());
        let answer = answer.await?;
        Self::accepted(&doing, kind, answer).map(drop)
    }

    fn accepted(doing: &str, kind: &Kind, answer: RawResponse) -> Result<RawResponse> {
        if answer.status.is_success() {
            return Ok(answer);
        }
        if is_unsupported(&answer) {
            let message = format!("{doing}: the service has no {}", kind.name);
            return Err(Error::new(ErrorKind::Unsupported, message));
        }
        let error = answer.error(doing);
        // What it refuses it explains in words that help with rules.
        let said = xml::message(&String::from_utf8_lossy(&answer.body));
        match said.filter(|_| answer.status == StatusCode::BAD_REQUEST) {
            Some(said) => {
                let message = format!("{doing}: the service refuses it: {said}");
                Err(Error::invalid_input(message).with_source(error))
            }
            None if error.kind() == ErrorKind::PermissionDenied => Err(error.with_hint(
                "`artifact policy show --with-rules` prints what the credentials must allow",
            )),
            None => Err(error),
        }
    }

    async fn ask(
        &self,
        doing: &str,
        method: Method,
        kind: &Kind,
        headers: HeaderMap,
        body: Bytes,
    ) -> Result<RawResponse> {
        let request = RawRequest {
            method,
            key: None,
            query: vec![(kind.query, String::new())],
            headers,
            body,
        };
        self.client.send(doing, &request).await
    }

    /// The rules of a document, each word for word.
    async fn rules(&self, kind: &Kind) -> Result<(Vec<String>, HeaderMap)> {
        let Some((document, headers)) = self.read(kind).await? else {
            return Ok((Vec::new(), HeaderMap::new()));
        };
        let doing = format!("read the {} of bucket `{}`", kind.name, self.bucket);
        let rules = xml::children(&document);
        let rules = rules.map_err(|cause| strange(&doing).with_source(cause))?;
        Ok((rules, headers))
    }

    /// The name of a rule of this store; none for one of somebody else.
    fn own_name(&self, kind: &Kind, rule: &str) -> Option<String> {
        match xml::id(rule) {
            Some(id) => own_rule_name(&id, &self.prefix).map(str::to_owned),
            None if kind.query == CORS.query => xml::own_cors_name(rule),
            None => None,
        }
    }

    async fn found<R>(
        &self,
        kind: &Kind,
        parse: impl Fn(&str) -> Option<R>,
    ) -> Result<FoundRules<R>> {
        let (rules, _) = self.rules(kind).await?;
        let mut found = FoundRules::default();
        for text in rules {
            match self.own_name(kind, &text) {
                Some(name) => found.own.push(FoundRule {
                    name,
                    rule: parse(&text),
                }),
                None => found.others += 1,
            }
        }
        Ok(found)
    }

    async fn replace(&self, kind: &Kind, root: &str, own: Vec<String>) -> Result<()> {
        let (mut rules, found) = self.rules(kind).await?;
        rules.retain(|rule| self.own_name(kind, rule).is_none());
        rules.extend(own);
        if rules.is_empty() {
            return self.delete(kind).await;
        }
        let mut headers = HeaderMap::new();
        if let Some(size) = found.get(&SMALLEST_TO_MOVE) {
            headers.insert(SMALLEST_TO_MOVE, size.clone());
        }
        let xml = HeaderValue::from_static("application/xml");
        headers.insert(http::header::CONTENT_TYPE, xml);
        let document = xml::document(root, &rules);
        self.write(kind, headers, document).await
    }

    /// The policy as it is, or one without statements.
    async fn whole_policy(&self) -> Result<Value> {
        let Some((document, _)) = self.read(&POLICY).await? else {
            return Ok(json!({ "Version": "2012-10-17", "Statement": [] }));
        };
        let doing = format!("read the policy of bucket `{}`", self.bucket);
        let mut policy: Value =
            serde_json::from_str(&document).map_err(|cause| strange(&doing).with_source(cause))?;
        // One statement may stand without its list.
        if policy["Statement"].is_object() {
            policy["Statement"] = json!([policy["Statement"].take()]);
        }
        if !policy["Statement"].is_array() {
            return Err(strange(&doing));
        }
        Ok(policy)
    }

    fn is_own(&self, statement: &Value) -> bool {
        let sid = statement["Sid"].as_str().unwrap_or_default();
        is_own_statement(sid, &self.prefix)
    }
}

#[async_trait]
impl BucketRules for S3BucketRules {
    async fn lifecycle(&self) -> Result<FoundRules<LifecycleRule>> {
        let below = format!("{}artifacts/", self.prefix);
        self.found(&LIFECYCLE, |text| xml::lifecycle_rule(text, &below))
            .await
    }

    async fn set_lifecycle(&self, rules: Vec<LifecycleRule>) -> Result<()> {
        let rules = rules.iter();
        let own = rules.map(|rule| xml::of_lifecycle_rule(rule, &self.prefix));
        let own = own.collect();
        self.replace(&LIFECYCLE, "LifecycleConfiguration", own)
            .await
    }

    async fn cors(&self) -> Result<FoundRules<CorsRule>> {
        self.found(&CORS, xml::cors_rule).await
    }

    async fn set_cors(&self, rules: Vec<CorsRule>) -> Result<()> {
        let rules = rules.iter();
        let own = rules.map(|rule| xml::of_cors_rule(rule, &self.prefix));
        self.replace(&CORS, "CORSConfiguration", own.collect())
            .await
    }

    async fn policy(&self) -> Result<FoundRules<Value>> {
        let policy = self.whole_policy().await?;
        let mut found = FoundRules::default();
        for statement in policy["Statement"].as_array().into_iter().flatten() {
            if self.is_own(statement) {
                let name = statement["Sid"].as_str().unwrap_or_default().to_owned();
                let rule = Some(statement.clone());
                found.own.push(FoundRule { name, rule });
            } else {
                found.others += 1;
            }
        }
        Ok(found)
    }

    async fn set_policy(&self, statements: Vec<Value>) -> Result<()> {
        let mut policy = self.whole_policy().await?;
        if let Some(all) = policy["Statement"].as_array_mut() {
            all.retain(|statement| !self.is_own(statement));
            all.extend(statements);
            if all.is_empty() {
                return self.delete(&POLICY).await;
            }
        }
        let mut headers = HeaderMap::new();
        let json = HeaderValue::from_static("application/json");
        headers.insert(http::header::CONTENT_TYPE, json);
        self.write(&POLICY, headers, policy.to_string()).await
    }
}

fn strange(doing: &str) -> Error {
    let message = format!("{doing}: the service's answer can't be read");
    Error::new(ErrorKind::Internal, message)
        .with_hint("is the endpoint that of an S3-compatible service?")
}

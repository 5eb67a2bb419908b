//! The rules of a bucket as Google keeps them: lists without names in what is said of the bucket.
//! The store's own rules of the lifecycle are those for exactly its prefix.

use artifact_domain::port::{
    BucketRules, CORS_EXPOSED, CorsRule, FoundRule, FoundRules, LifecycleAction, LifecycleRule,
    OWN_RULES,
};
use artifact_domain::{Error, ErrorKind, Result};
use async_trait::async_trait;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::GcsOptions;
use super::raw::{RawClient, RawRequest, Scope};

/// The rules of one bucket of Google Cloud Storage, of which one store's are told by its prefix.
#[derive(Debug)]
pub struct GcsBucketRules {
    client: RawClient,
    bucket: String,
    /// What the keys of everything begin with that the store keeps.
    artifacts: String,
}

impl GcsBucketRules {
    /// The rules of the bucket. Sends nothing.
    ///
    /// # Errors
    /// `Internal` where no HTTP client can be made.
    pub fn open(options: &GcsOptions) -> Result<Self> {
        let prefix = options.prefix.as_deref().unwrap_or_default();
        let parts: Vec<_> = prefix.split('/').filter(|part| !part.is_empty()).collect();
        let below = [&parts[..], &["artifacts", ""]].concat();
        Ok(Self {
            client: RawClient::new(options, Scope::Bucket)?,
            bucket: options.bucket.clone(),
            artifacts: below.join("/"),
        })
    }

    async fn read(&self) -> Result<Value> {
        let doing = format!("read the rules of bucket `{}`", self.bucket);
        let query = "?fields=lifecycle,cors,metageneration";
        let request = RawRequest::new(Method::GET, self.client.bucket_url(query));
        let answer = self.client.send(&doing, &request).await?;
        if answer.status == StatusCode::NOT_FOUND {
            let message = format!("{doing}: the bucket does not exist");
            return Err(Error::invalid_input(message)
                .with_hint("create it, or check the bucket's name in the settings"));
        }
        if !answer.status.is_success() {
            return Err(explained(answer.error(&doing)));
        }
        serde_json::from_slice(&answer.body)
            .map_err(|cause| super::strange(&doing).with_source(cause))
    }

    /// Replaces the own ones among the rules at `pointer`, if nobody has changed the bucket since
    /// they were read.
    async fn replace(
        &self,
        pointer: &str,
        is_own: impl Fn(&Value) -> bool + Send,
        own: Vec<Value>,
        document: impl Fn(Vec<Value>) -> Value + Send,
    ) -> Result<()> {
        let bucket = self.read().await?;
        let rules = bucket.pointer(pointer).and_then(Value::as_array);
        let mut rules = rules.cloned().unwrap_or_default();
        rules.retain(|rule| !is_own(rule));
        rules.extend(own);
        let doing = format!("write the rules of bucket `{}`", self.bucket);
        let read = bucket["metageneration"].as_str();
        let query = read.map(|read| format!("?ifMetagenerationMatch={read}"));
        let url = self.client.bucket_url(&query.unwrap_or_default());
        let request = RawRequest::new(Method::PATCH, url);
        let request = request.with_json(document(rules).to_string());
        let answer = self.client.send(&doing, &request).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            let message = format!("{doing}: somebody else has changed the bucket meanwhile");
            return Err(Error::new(ErrorKind::Conflict, message).with_hint("try again"));
        }
        if !answer.status.is_success() {
            return Err(explained(answer.error(&doing)));
        }
        Ok(())
    }

    fn is_own(&self, rule: &Value) -> bool {
        rule["condition"]["matchesPrefix"] == json!([self.artifacts])
    }

    fn to_json(&self, rule: &LifecycleRule) -> Value {
        let action = match &rule.action {
            LifecycleAction::AbortUploads => json!({ "type": "AbortIncompleteMultipartUpload" }),
            LifecycleAction::Transition { storage_class } => {
                json!({ "type": "SetStorageClass", "storageClass": storage_class })
            }
            LifecycleAction::Expire => json!({ "type": "Delete" }),
        };
        let condition = json!({ "age": rule.after_days, "matchesPrefix": [self.artifacts] });
        json!({ "action": action, "condition": condition })
    }

    /// The rule that a document says, with the name that its action has.
    fn found(&self, found: &Value) -> FoundRule<LifecycleRule> {
        let action = &found["action"];
        let class = action["storageClass"].as_str().unwrap_or_default();
        let known = match action["type"].as_str() {
            Some("AbortIncompleteMultipartUpload") => LifecycleAction::AbortUploads,
            Some("Delete") => LifecycleAction::Expire,
            _ => LifecycleAction::Transition {
                storage_class: class.to_owned(),
            },
        };
        let age = found["condition"]["age"].as_u64();
        let after_days = age.and_then(|age| u32::try_from(age).ok());
        let rule = LifecycleRule {
            after_days: after_days.unwrap_or_default(),
            action: known,
        };
        // Another condition beside age and prefix makes it another rule.
        let is_same = self.to_json(&rule) == *found;
        FoundRule {
            name: rule.name(),
            rule: Some(rule).filter(|_| is_same),
        }
    }
}

fn explained(error: Error) -> Error {
    if error.kind() == ErrorKind::PermissionDenied {
        return error.with_hint(
            "`artifact policy show --with-rules` prints what the credentials must allow",
        );
    }
    error
}

#[async_trait]
impl BucketRules for GcsBucketRules {
    async fn lifecycle(&self) -> Result<FoundRules<LifecycleRule>> {
        let bucket = self.read().await?;
        let rules = bucket.pointer("/lifecycle/rule").and_then(Value::as_array);
        let mut found = FoundRules::default();
        for rule in rules.into_iter().flatten() {
            if self.is_own(rule) {
                found.own.push(self.found(rule));
            } else {
                found.others += 1;
            }
        }
        Ok(found)
    }

    async fn set_lifecycle(&self, rules: Vec<LifecycleRule>) -> Result<()> {
        let own = rules.iter().map(|rule| self.to_json(rule)).collect();
        let document = |rules| json!({ "lifecycle": { "rule": rules } });
        self.replace("/lifecycle/rule", |rule| self.is_own(rule), own, document)
            .await
    }

    async fn cors(&self) -> Result<FoundRules<CorsRule>> {
        let bucket = self.read().await?;
        let mut found = FoundRules::default();
        for rule in bucket["cors"].as_array().into_iter().flatten() {
            if is_own_cors(rule) {
                found.own.push(FoundRule {
                    name: format!("{OWN_RULES}cors"),
                    rule: cors_rule(rule),
                });
            } else {
                found.others += 1;
            }
        }
        Ok(found)
    }

    async fn set_cors(&self, rules: Vec<CorsRule>) -> Result<()> {
        let own = rules.iter().map(|rule| {
            json!({
                "origin": rule.origins,
                "method": rule.methods,
                "responseHeader": rule.exposed,
                "maxAgeSeconds": rule.max_age_s,
            })
        });
        let document = |rules| json!({ "cors": rules });
        self.replace("/cors", is_own_cors, own.collect(), document)
            .await
    }

    async fn policy(&self) -> Result<FoundRules<Value>> {
        Err(no_policy())
    }

    async fn set_policy(&self, _: Vec<Value>) -> Result<()> {
        Err(no_policy())
    }
}

fn no_policy() -> Error {
    let message = "roles are granted in Google's IAM, which is not written from here";
    Error::new(ErrorKind::Unsupported, message)
        .with_hint("`artifact policy show` prints the role and the condition to grant it under")
}

fn is_own_cors(rule: &Value) -> bool {
    rule["responseHeader"] == json!(CORS_EXPOSED)
}

fn cors_rule(rule: &Value) -> Option<CorsRule> {
    let texts = |value: &Value| -> Option<Vec<String>> {
        let texts = value.as_array()?.iter();
        texts.map(|text| Some(text.as_str()?.to_owned())).collect()
    };
    let mut origins = texts(&rule["origin"])?;
    origins.sort();
    Some(CorsRule {
        origins,
        methods: texts(&rule["method"])?,
        // Google has one list for what is sent and what is read.
        headers: vec!["*".to_owned()],
        exposed: texts(&rule["responseHeader"])?,
        max_age_s: rule["maxAgeSeconds"]
            .as_u64()
            .and_then(|age| u32::try_from(age).ok())?,
    })
}

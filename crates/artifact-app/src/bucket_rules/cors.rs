//! The rule that lets pages of the web use signed URLs, and its JSON.

use artifact_domain::port::{CORS_EXPOSED, CorsRule, OWN_RULES};
use artifact_domain::{Error, Result};
use serde_json::{Value, json};

use super::{BucketService, BucketSite};

/// For how long a browser may remember what it was told.
const MAX_AGE_S: u32 = 3_600;

/// What the rule is called.
const NAME: &str = "cors";

/// The rule for pages of these origins: to download, and with `uploads` to upload too. The name
/// that it has comes with it.
pub fn cors_rule(mut origins: Vec<String>, uploads: bool) -> (String, CorsRule) {
    // Services keep them as a set, and give them back in an order of their own.
    origins.sort();
    origins.dedup();
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
    let rule = CorsRule {
        origins,
        methods: if uploads {
            texts(&["GET", "HEAD", "PUT"])
        } else {
            texts(&["GET", "HEAD"])
        },
        headers: texts(&["*"]),
        exposed: texts(&CORS_EXPOSED),
        max_age_s: MAX_AGE_S,
    };
    (format!("{OWN_RULES}{NAME}"), rule)
}

/// The rule as the service's own tools take it: for S3 what `aws s3api put-bucket-cors` takes, for
/// Google what `gcloud storage buckets update --cors-file` takes.
pub fn cors_json(site: &BucketSite, name: &str, rule: &CorsRule) -> Value {
    match site.service {
        BucketService::S3 => json!({ "CORSRules": [{
            "ID": site.rule_id(name),
            "AllowedOrigins": rule.origins,
            "AllowedMethods": rule.methods,
            "AllowedHeaders": rule.headers,
            "ExposeHeaders": rule.exposed,
            "MaxAgeSeconds": rule.max_age_s,
        }] }),
        BucketService::Gcs => json!([{
            "origin": rule.origins,
            "method": rule.methods,
            "responseHeader": rule.exposed,
            "maxAgeSeconds": rule.max_age_s,
        }]),
    }
}

/// The origin of a page of the web, or `*` for every one.
///
/// # Errors
/// `InvalidInput` for anything but scheme, host and port.
pub fn cors_origin(text: &str) -> Result<String> {
    let url = text.trim_end_matches('/');
    let host = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"));
    let is_bare = |host: &str| {
        let strange = |c: char| c.is_whitespace() || c.is_control() || "/?#@<>".contains(c);
        !host.is_empty() && !host.contains(strange)
    };
    if url == "*" || host.is_some_and(is_bare) {
        return Ok(url.to_owned());
    }
    Err(
        Error::invalid_input("an origin is scheme, host and port alone")
            .with_hint("write it as https://ci.example.com, or * for every page"),
    )
}

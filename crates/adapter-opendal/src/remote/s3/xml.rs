//! The XML of the rules of a bucket. A document is taken apart into its rules, so that those of
//! others go back word for word; the store's own are read only where they are what the store writes.

use artifact_domain::port::{
    CORS_EXPOSED, CorsRule, LifecycleAction, LifecycleRule, OWN_RULES, rule_id,
};
use quick_xml::Reader;
use quick_xml::escape::escape;
use quick_xml::events::Event;
use serde::Deserialize;

const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// The elements in the outermost one, each word for word.
pub(super) fn children(document: &str) -> quick_xml::Result<Vec<String>> {
    let mut reader = Reader::from_str(document);
    let (mut all, mut depth, mut start) = (Vec::new(), 0_u32, 0);
    loop {
        let before = position(&reader);
        let event = reader.read_event()?;
        let after = position(&reader);
        match event {
            Event::Start(_) => {
                if depth == 1 {
                    start = before;
                }
                depth += 1;
            }
            Event::End(_) => {
                depth = depth.saturating_sub(1);
                if depth == 1 {
                    all.extend(document.get(start..after).map(str::to_owned));
                }
            }
            Event::Empty(_) if depth == 1 => {
                all.extend(document.get(before..after).map(str::to_owned));
            }
            Event::Eof => return Ok(all),
            _ => {}
        }
    }
}

fn position(reader: &Reader<&[u8]>) -> usize {
    usize::try_from(reader.buffer_position()).unwrap_or(usize::MAX)
}

/// A document of these rules.
pub(super) fn document(root: &str, rules: &[String]) -> String {
    format!("<{root} xmlns=\"{NAMESPACE}\">{}</{root}>", rules.concat())
}

/// What the service says of a request that it refuses.
pub(super) fn message(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Refusal {
        #[serde(rename = "Message")]
        message: String,
    }
    let refusal: Refusal = quick_xml::de::from_str(answer).ok()?;
    Some(refusal.message.trim_end_matches('.').to_owned())
}

/// What a rule is called, if it has a name.
pub(super) fn id(rule: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(rename = "ID", alias = "Id")]
        id: Option<String>,
    }
    let named: Named = quick_xml::de::from_str(rule).ok()?;
    named.id.filter(|id| !id.is_empty())
}

/// The id of a multipart upload that was begun.
pub(super) fn upload_id(answer: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Begun {
        #[serde(rename = "UploadId")]
        id: String,
    }
    let begun: Begun = quick_xml::de::from_str(answer).ok()?;
    Some(begun.id).filter(|id| !id.is_empty())
}

/// The document that asks for many objects to be deleted.
pub(super) fn of_deletion(keys: &[String]) -> String {
    let object = |key: &String| format!("<Object><Key>{}</Key></Object>", escape(key.as_str()));
    let objects: String = keys.iter().map(object).collect();
    format!("<Delete xmlns=\"{NAMESPACE}\">{objects}<Quiet>true</Quiet></Delete>")
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Rule {
    #[serde(rename = "ID", alias = "Id")]
    _id: String,
    status: String,
    filter: Option<Filter>,
    prefix: Option<String>,
    transition: Option<Transition>,
    expiration: Option<Days>,
    abort_incomplete_multipart_upload: Option<DaysAfterInitiation>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Filter {
    prefix: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Transition {
    days: u32,
    storage_class: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Days {
    days: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DaysAfterInitiation {
    days_after_initiation: u32,
}

/// Reads a rule for what is below a prefix; none where it is no rule as the store writes it.
pub(super) fn lifecycle_rule(text: &str, below: &str) -> Option<LifecycleRule> {
    let rule: Rule = quick_xml::de::from_str(text).ok()?;
    let prefix = rule.filter.map(|filter| filter.prefix).or(rule.prefix)?;
    if rule.status != "Enabled" || prefix != below {
        return None;
    }
    let actions = (
        rule.transition,
        rule.expiration,
        rule.abort_incomplete_multipart_upload,
    );
    let (after_days, action) = match actions {
        (Some(to), None, None) => {
            let storage_class = to.storage_class;
            (to.days, LifecycleAction::Transition { storage_class })
        }
        (None, Some(end), None) => (end.days, LifecycleAction::Expire),
        (None, None, Some(abort)) => (abort.days_after_initiation, LifecycleAction::AbortUploads),
        _ => return None,
    };
    Some(LifecycleRule { after_days, action })
}

/// Writes a rule of the store with this prefix.
pub(super) fn of_lifecycle_rule(rule: &LifecycleRule, prefix: &str) -> String {
    let days = rule.after_days;
    let action = match &rule.action {
        LifecycleAction::AbortUploads => format!(
            "<AbortIncompleteMultipartUpload><DaysAfterInitiation>{days}</DaysAfterInitiation>\
             </AbortIncompleteMultipartUpload>"
        ),
        LifecycleAction::Transition { storage_class } => format!(
            "<Transition><Days>{days}</Days><StorageClass>{}</StorageClass></Transition>",
            escape(storage_class)
        ),
        LifecycleAction::Expire => format!("<Expiration><Days>{days}</Days></Expiration>"),
    };
    format!(
        "<Rule><ID>{}</ID><Filter><Prefix>{}artifacts/</Prefix></Filter>\
         <Status>Enabled</Status>{action}</Rule>",
        escape(rule_id(&rule.name(), prefix)),
        escape(prefix)
    )
}

#[derive(Deserialize)]
struct Cors {
    #[serde(rename = "AllowedOrigin", default)]
    origins: Vec<String>,
    #[serde(rename = "AllowedMethod", default)]
    methods: Vec<String>,
    #[serde(rename = "AllowedHeader", default)]
    headers: Vec<String>,
    #[serde(rename = "ExposeHeader", default)]
    exposed: Vec<String>,
    #[serde(rename = "MaxAgeSeconds")]
    max_age_s: Option<u32>,
}

/// Reads a rule for pages of the web.
pub(super) fn cors_rule(text: &str) -> Option<CorsRule> {
    let mut cors: Cors = quick_xml::de::from_str(text).ok()?;
    // Services give sets back in an order of their own.
    let place = |method: &String| {
        ["GET", "HEAD", "PUT"]
            .iter()
            .position(|known| known == method)
    };
    cors.origins.sort();
    cors.methods.sort_by_key(place);
    cors.exposed.sort();
    Some(CorsRule {
        origins: cors.origins,
        methods: cors.methods,
        headers: cors.headers,
        exposed: cors.exposed,
        max_age_s: cors.max_age_s?,
    })
}

/// The name of the store's rule, where the service keeps none.
pub(super) fn own_cors_name(text: &str) -> Option<String> {
    let rule = cors_rule(text)?;
    (rule.exposed == CORS_EXPOSED).then(cors_name)
}

fn cors_name() -> String {
    format!("{OWN_RULES}cors")
}

/// Writes a rule of the store with this prefix.
pub(super) fn of_cors_rule(rule: &CorsRule, prefix: &str) -> String {
    let mut text = format!(
        "<CORSRule><ID>{}</ID>",
        escape(rule_id(&cors_name(), prefix))
    );
    let mut add = |name: &str, values: &[String]| {
        for value in values {
            let element = format!("<{name}>{}</{name}>", escape(value.as_str()));
            text.push_str(&element);
        }
    };
    add("AllowedOrigin", &rule.origins);
    add("AllowedMethod", &rule.methods);
    add("AllowedHeader", &rule.headers);
    add("ExposeHeader", &rule.exposed);
    add("MaxAgeSeconds", &[rule.max_age_s.to_string()]);
    text + "</CORSRule>"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expire(after_days: u32) -> LifecycleRule {
        LifecycleRule {
            after_days,
            action: LifecycleAction::Expire,
        }
    }

    #[test]
    fn rules_of_others_are_kept_word_for_word() {
        let theirs = "<Rule>\n <ID>a &amp; b</ID><Filter><And><Prefix>x</Prefix><Tag><Key>k</Key>\
                      <Value>v</Value></Tag></And></Filter><New attribute='1'/></Rule>";
        let text = format!("<?xml version='1.0'?>\n<C xmlns='u'>\n  {theirs}<Rule/>\n</C>\n");
        let found = children(&text).unwrap();
        assert_eq!(found, [theirs, "<Rule/>"]);
        assert_eq!(id(&found[0]).as_deref(), Some("a & b"));
        assert_eq!(children(&document("C", &found)).unwrap(), found);
        assert!(children("<a><b></a>").is_err());
    }

    #[test]
    fn own_rules_are_read_as_they_were_written() {
        let to = LifecycleAction::Transition {
            storage_class: "STANDARD_IA".to_owned(),
        };
        for action in [LifecycleAction::AbortUploads, LifecycleAction::Expire, to] {
            let rule = LifecycleRule {
                after_days: 7,
                action,
            };
            let text = of_lifecycle_rule(&rule, "a&b/");
            assert_eq!(lifecycle_rule(&text, "a&b/artifacts/"), Some(rule.clone()));
            assert_eq!(id(&text), Some(rule_id(&rule.name(), "a&b/")));
        }
    }

    #[test]
    fn what_somebody_has_changed_is_no_rule_of_the_store() {
        let text = of_lifecycle_rule(&expire(60), "");
        assert!(lifecycle_rule(&text, "artifacts/").is_some());
        for (from, to) in [
            ("Enabled", "Disabled"),
            ("artifacts/", ""),
            ("<Expiration>", "<NoncurrentVersionTransition/><Expiration>"),
            ("<Days>60</Days>", "<Date>2030-01-01</Date>"),
            ("<Filter>", "<Filter><Tag><Key>k</Key></Tag>"),
        ] {
            let changed = text.replacen(from, to, 1);
            assert_ne!(changed, text);
            assert_eq!(lifecycle_rule(&changed, "artifacts/"), None, "{changed}");
        }
    }

    #[test]
    fn a_rule_for_pages_is_known_without_its_name() {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let rule = CorsRule {
            origins: texts(&["https://a", "https://b"]),
            methods: texts(&["GET", "HEAD"]),
            headers: texts(&["*"]),
            exposed: texts(&CORS_EXPOSED),
            max_age_s: 60,
        };
        let text = of_cors_rule(&rule, "p/");
        assert_eq!(cors_rule(&text), Some(rule));
        let unnamed = text.replace("<ID>artifact-store-cors:p/</ID>", "");
        assert_eq!(own_cors_name(&unnamed), Some(cors_name()));
        let other = unnamed.replace("<ExposeHeader>ETag</ExposeHeader>", "");
        assert_eq!(own_cors_name(&other), None);
    }
}

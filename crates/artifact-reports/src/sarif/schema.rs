//! The parts of SARIF 2.1.0 that matter here, by the names of the specification. All else is skipped
//! without being kept.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserialize, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// How many rules a tool may have, and how many fingerprints a result.
const MAX_RULES: usize = 20_000;
const MAX_FINGERPRINTS: usize = 100;

#[derive(Debug, serde::Deserialize)]
pub(super) struct Tool {
    pub(super) driver: Driver,
    #[serde(default)]
    pub(super) extensions: Few<Extension>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Driver {
    #[serde(default)]
    pub(super) name: String,
    #[serde(default)]
    pub(super) rules: Few<Rule>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Extension {
    #[serde(default)]
    pub(super) rules: Few<Rule>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    #[serde(default)]
    pub(super) id: String,
    pub(super) default_configuration: Option<Configuration>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Configuration {
    pub(super) level: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Invocation {
    pub(super) execution_successful: Option<bool>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Raw {
    pub(super) rule_id: Option<String>,
    pub(super) rule_index: Option<i64>,
    pub(super) rule: Option<RuleReference>,
    pub(super) kind: Option<String>,
    pub(super) level: Option<String>,
    pub(super) message: Option<Message>,
    #[serde(default)]
    pub(super) locations: First<Location>,
    #[serde(default)]
    pub(super) fingerprints: Fingerprints,
    #[serde(default)]
    pub(super) partial_fingerprints: Fingerprints,
    #[serde(default)]
    pub(super) suppressions: First<Suppression>,
    pub(super) baseline_state: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct RuleReference {
    pub(super) id: Option<String>,
    pub(super) index: Option<i64>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Message {
    pub(super) text: Option<String>,
    pub(super) markdown: Option<String>,
    pub(super) id: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Location {
    pub(super) physical_location: Option<PhysicalLocation>,
    #[serde(default)]
    pub(super) logical_locations: First<LogicalLocation>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct PhysicalLocation {
    pub(super) artifact_location: Option<ArtifactLocation>,
    pub(super) region: Option<Region>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct ArtifactLocation {
    pub(super) uri: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Region {
    pub(super) start_line: Option<i64>,
    pub(super) snippet: Option<Snippet>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Snippet {
    pub(super) text: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct LogicalLocation {
    pub(super) fully_qualified_name: Option<String>,
}

#[derive(Debug, serde::Deserialize)]
pub(super) struct Suppression {
    pub(super) status: Option<String>,
}

/// The first element of a list; the others are skipped.
#[derive(Debug)]
pub(super) struct First<T>(pub(super) Option<T>);

impl<T> Default for First<T> {
    fn default() -> Self {
        Self(None)
    }
}

/// A list that is refused when it becomes too long to be kept.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

/// Fingerprints by their keys.
#[derive(Debug, Default)]
pub(super) struct Fingerprints(pub(super) BTreeMap<String, String>);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for First<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FirstVisitor(PhantomData))
    }
}

struct FirstVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FirstVisitor<T> {
    type Value = First<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<First<T>, E> {
        Ok(First(None))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<First<T>, A::Error> {
        let first = list.next_element()?;
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(First(first))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FewVisitor(PhantomData))
    }
}

struct FewVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FewVisitor<T> {
    type Value = Few<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_unit<E>(self) -> Result<Few<T>, E> {
        Ok(Few::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Few<T>, A::Error> {
        let mut few = Vec::new();
        while let Some(element) = list.next_element()? {
            if few.len() == MAX_RULES {
                return Err(A::Error::custom("a tool has too many rules"));
            }
            few.push(element);
        }
        Ok(Few(few))
    }
}

impl<'de> Deserialize<'de> for Fingerprints {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FingerprintsVisitor)
    }
}

struct FingerprintsVisitor;

impl<'de> Visitor<'de> for FingerprintsVisitor {
    type Value = Fingerprints;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("fingerprints by their keys")
    }

    fn visit_unit<E>(self) -> Result<Fingerprints, E> {
        Ok(Fingerprints::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fingerprints, A::Error> {
        let mut found = BTreeMap::new();
        while let Some((key, value)) = map.next_entry::<String, String>()? {
            if found.len() == MAX_FINGERPRINTS {
                return Err(A::Error::custom("a result has too many fingerprints"));
            }
            found.insert(key, value);
        }
        Ok(Fingerprints(found))
    }
}

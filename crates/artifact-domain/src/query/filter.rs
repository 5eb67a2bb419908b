//! What a query selects, and whether one record is selected.

use super::{Area, Glob};
use crate::{ArtifactRecord, ArtifactType, Coordinate, State, Tag, Tags, Timestamp};

/// Asks for a tag: its key, and its value where that matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TagFilter {
    /// The key that must be there.
    pub key: String,
    /// The value it must have; any where none is given.
    pub value: Option<String>,
}

impl TagFilter {
    /// Takes what a person wrote: `key` asks for the key, `key=value` for both, `key=` for an
    /// empty value.
    pub fn parse(text: &str) -> crate::Result<Self> {
        let tag: Tag = text.parse()?;
        let value = text.contains('=').then(|| tag.value().to_owned());
        Ok(Self {
            key: tag.key().to_owned(),
            value,
        })
    }

    /// Whether the tag that is asked for is among `tags`.
    pub fn matches(&self, tags: &Tags) -> bool {
        let found = tags.get(&self.key);
        found.is_some_and(|found| self.value.as_ref().is_none_or(|wanted| wanted == found))
    }
}

/// Which versions of an artifact a query gives.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Versions {
    /// Only the newest one that can be read.
    #[default]
    Newest,
    /// All of them.
    All,
}

/// Whether a record has a time from which on it is gone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Expiry {
    /// Either.
    #[default]
    Any,
    /// It has none: it stays until somebody says otherwise.
    Never,
    /// It has one.
    Ends,
}

impl Expiry {
    /// Whether a record with this time is meant.
    pub fn has(self, expires_at: Option<Timestamp>) -> bool {
        match self {
            Self::Any => true,
            Self::Never => expires_at.is_none(),
            Self::Ends => expires_at.is_some(),
        }
    }
}

/// What a query selects. Every condition that is given must hold; of `types` and `states` one.
///
/// A live version that has expired is never selected, and `Newest` leaves out a live version if a
/// higher one of its coordinate can be read, before any other condition is looked at. Versions
/// that are not live (uploading, deleted) are subject to neither rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filter {
    /// A pattern for the spec.
    pub spec: Option<Glob>,
    /// A pattern for the task.
    pub task: Option<Glob>,
    /// A pattern for the name.
    pub name: Option<Glob>,
    /// One of these types; any where there are none.
    pub types: Vec<ArtifactType>,
    /// All of these tags.
    pub tags: Vec<TagFilter>,
    /// Created at this time or later.
    pub created_from: Option<Timestamp>,
    /// Created before this time.
    pub created_before: Option<Timestamp>,
    /// At least so many original bytes.
    pub min_size_bytes: Option<u64>,
    /// At most so many original bytes.
    pub max_size_bytes: Option<u64>,
    /// In one of these states.
    pub states: Vec<State>,
    /// Which versions.
    pub versions: Versions,
    /// Whether it has a time of expiry, be that over or not.
    pub expiry: Expiry,
    /// In one of these parts of the store; anywhere where there is no list, nowhere where it is empty.
    pub within: Option<Vec<Area>>,
}

impl Default for Filter {
    /// Selects the newest version of everything that can be read.
    fn default() -> Self {
        Self {
            spec: None,
            task: None,
            name: None,
            types: Vec::new(),
            tags: Vec::new(),
            created_from: None,
            created_before: None,
            min_size_bytes: None,
            max_size_bytes: None,
            states: vec![State::Active, State::Archived],
            versions: Versions::Newest,
            expiry: Expiry::Any,
            within: None,
        }
    }
}

impl Filter {
    /// Selects every version of one coordinate that can be read.
    pub fn versions_of(coordinate: &Coordinate) -> Self {
        Self {
            spec: Some(Glob::exactly(coordinate.spec().as_str())),
            task: Some(Glob::exactly(coordinate.task().as_str())),
            name: Some(Glob::exactly(coordinate.name().as_str())),
            types: vec![coordinate.artifact_type().clone()],
            versions: Versions::All,
            ..Self::default()
        }
    }

    /// Whether `record` is selected at `now`, all but the condition on versions, which needs the
    /// other versions to decide.
    pub fn selects(&self, record: &ArtifactRecord, now: Timestamp) -> bool {
        let at = &record.coordinate;
        let globs = [
            (&self.spec, at.spec().as_str()),
            (&self.task, at.task().as_str()),
            (&self.name, at.name().as_str()),
        ];
        let size = record.content.as_ref().map(|content| content.size_bytes);
        !(record.state.is_live() && record.is_expired(now))
            && self.states.contains(&record.state)
            && self.expiry.has(record.expires_at)
            && self
                .within
                .as_ref()
                .is_none_or(|areas| areas.iter().any(|area| area.has(at)))
            && globs
                .into_iter()
                .all(|(glob, text)| glob.as_ref().is_none_or(|g| g.matches(text)))
            && (self.types.is_empty() || self.types.contains(at.artifact_type()))
            && self
                .created_from
                .is_none_or(|from| record.created_at >= from)
            && self
                .created_before
                .is_none_or(|before| record.created_at < before)
            && self
                .min_size_bytes
                .is_none_or(|min| size.is_some_and(|size| size >= min))
            && self
                .max_size_bytes
                .is_none_or(|max| size.is_some_and(|size| size <= max))
            && self.tags.iter().all(|filter| filter.matches(&record.tags))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::record;

    #[test]
    fn every_condition_must_hold() {
        type Change = fn(&mut Filter);
        let record = record();
        let now = record.created_at;
        let excluding: [(&str, Change); 11] = [
            ("spec", |f| f.spec = Some("other".parse().unwrap())),
            ("task", |f| f.task = Some("2*".parse().unwrap())),
            ("name", |f| f.name = Some("*.txt".parse().unwrap())),
            ("type", |f| f.types = vec![ArtifactType::Diff]),
            ("tag", |f| f.tags = vec![TagFilter::parse("k").unwrap()]),
            ("min", |f| f.min_size_bytes = Some(11)),
            ("max", |f| f.max_size_bytes = Some(9)),
            ("state", |f| f.states = vec![State::Deleted]),
            ("expiry", |f| f.expiry = Expiry::Ends),
            ("within", |f| f.within = Some(Vec::new())),
            ("from", |f| f.created_from = Some(Timestamp::MAX)),
        ];
        assert!(Filter::default().selects(&record, now));
        for (which, change) in excluding {
            let mut filter = Filter::default();
            change(&mut filter);
            assert!(!filter.selects(&record, now), "{which} was not looked at");
        }
        let before = Filter {
            created_before: Some(now),
            ..Filter::default()
        };
        assert!(
            !before.selects(&record, now),
            "created_before excludes its own instant"
        );
    }

    #[test]
    fn a_tag_is_asked_for_by_key_or_with_its_value() {
        let mut record = record();
        record.tags.set("os=linux".parse().unwrap()).unwrap();
        let selects = |text: &str| {
            let filter = Filter {
                tags: vec![TagFilter::parse(text).unwrap()],
                ..Filter::default()
            };
            filter.selects(&record, record.created_at)
        };
        assert!(selects("os") && selects("os=linux"));
        assert!(!selects("os=") && !selects("os=mac") && !selects("arch"));
    }
}

//! Says a filter's conditions on one record in SQL that any engine of this crate takes, so that
//! they are written once. Must not know which engine that is, nor its indexes; tags are left to
//! the engine, since each looks them up in its own way.
//!
//! The record is called `a` in the text. An engine offers `artifact_glob(pattern, text)`, which
//! asks [`Glob::matches`](artifact_domain::query::Glob::matches).

use artifact_domain::query::{Area, Expiry, Filter, Glob, Versions};
use artifact_domain::{State, Timestamp};

/// A value bound to a `?`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Param {
    /// A number: a count, a size in bytes, microseconds since 1970.
    Integer(i64),
    /// A text.
    Text(String),
    /// An id.
    Id([u8; 16]),
}

impl From<&str> for Param {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Timestamp> for Param {
    fn from(time: Timestamp) -> Self {
        Self::Integer(time.as_micros())
    }
}

/// A piece of SQL with the values of its `?`, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Fragment {
    pub(crate) sql: String,
    pub(crate) params: Vec<Param>,
}

impl Fragment {
    pub(crate) fn new(sql: impl Into<String>, params: Vec<Param>) -> Self {
        Self {
            sql: sql.into(),
            params,
        }
    }

    /// Adds text without values.
    pub(crate) fn push(&mut self, sql: &str) {
        self.sql.push_str(sql);
    }

    /// Adds another piece after this one.
    pub(crate) fn append(&mut self, other: &Self) {
        self.push(&other.sql);
        self.params.extend_from_slice(&other.params);
    }
}

/// Joins conditions that must all hold.
pub(crate) fn all_of<'a>(conditions: impl IntoIterator<Item = &'a Fragment>) -> Fragment {
    let mut joined = Fragment::default();
    for condition in conditions {
        if !joined.sql.is_empty() {
            joined.push(" AND ");
        }
        joined.append(condition);
    }
    joined
}

/// A condition on one column: what an index can look up, and what is left to check on each record.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct ColumnCondition {
    pub(crate) lookup: Option<Fragment>,
    pub(crate) check: Option<Fragment>,
    /// Whether one value is asked for, rather than a range or several.
    pub(crate) is_equality: bool,
}

/// The conditions of a filter, by what they are about; tags, states and versions are apart.
#[derive(Debug, Clone, Default)]
pub(crate) struct Selection {
    pub(crate) spec: ColumnCondition,
    pub(crate) task: ColumnCondition,
    pub(crate) name: ColumnCondition,
    pub(crate) types: ColumnCondition,
    pub(crate) created: ColumnCondition,
    pub(crate) size: ColumnCondition,
    pub(crate) expiry: ColumnCondition,
    pub(crate) within: ColumnCondition,
}

impl Selection {
    /// The conditions of `filter`; `created_at` names the column that has the time of creation,
    /// since an engine may keep it elsewhere too.
    pub(crate) fn of(filter: &Filter, created_at: &str) -> Self {
        Self {
            spec: glob(filter.spec.as_ref(), "a.spec"),
            task: glob(filter.task.as_ref(), "a.task"),
            name: glob(filter.name.as_ref(), "a.name"),
            types: types(filter),
            created: created(filter, created_at),
            size: size(filter),
            expiry: expiry(filter),
            within: within(filter),
        }
    }

    /// Every piece, lookups and checks, all of which must hold.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = &Fragment> {
        [
            &self.spec,
            &self.task,
            &self.name,
            &self.types,
            &self.created,
            &self.size,
            &self.expiry,
            &self.within,
        ]
        .into_iter()
        .flat_map(|condition| condition.lookup.iter().chain(&condition.check))
    }
}

/// What the states of a filter come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StateClass {
    /// Active, archived, or both.
    Live,
    /// Uploading.
    Uploading,
    /// Deleted.
    Deleted,
}

impl StateClass {
    const ALL: [Self; 3] = [Self::Live, Self::Uploading, Self::Deleted];

    /// The classes that a filter asks for.
    pub(crate) fn of(filter: &Filter) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|class| {
            let mut states = filter.states.iter();
            states.any(|state| class.has(*state))
        })
    }

    fn has(self, state: State) -> bool {
        match self {
            Self::Live => state.is_live(),
            Self::Uploading => state == State::Uploading,
            Self::Deleted => state == State::Deleted,
        }
    }

    /// The condition that makes a record one of this class, word for word as in the schema.
    pub(crate) fn condition(self) -> Fragment {
        let sql = match self {
            Self::Live => "a.state IN ('ACTIVE', 'ARCHIVED')",
            Self::Uploading => "a.state = 'UPLOADING'",
            Self::Deleted => "a.state = 'DELETED'",
        };
        Fragment::new(sql, Vec::new())
    }

    /// What a filter asks of records of this class beyond its columns: the state itself where only
    /// one of two is wanted and, of live records, that they have not expired and are the newest.
    pub(crate) fn conditions(self, filter: &Filter, now: Timestamp) -> Vec<Fragment> {
        let mut conditions = vec![self.condition()];
        if self != Self::Live {
            return conditions;
        }
        for state in [State::Active, State::Archived] {
            if !filter.states.contains(&state) {
                let other = format!("a.state <> '{state}'");
                conditions.push(Fragment::new(other, Vec::new()));
            }
        }
        conditions.push(unexpired("a", now));
        if filter.versions == Versions::Newest {
            let mut newest = Fragment::new(
                "NOT EXISTS (SELECT 1 FROM artifact AS newer WHERE newer.task = a.task \
                 AND newer.spec = a.spec AND newer.type = a.type AND newer.name = a.name \
                 AND newer.version > a.version AND newer.state IN ('ACTIVE', 'ARCHIVED') AND ",
                Vec::new(),
            );
            newest.append(&unexpired("newer", now));
            newest.push(")");
            conditions.push(newest);
        }
        conditions
    }
}

/// That a live record called `alias` can be read at `now`.
pub(crate) fn unexpired(alias: &str, now: Timestamp) -> Fragment {
    Fragment::new(
        format!(
            "({alias}.expires_at IS NULL OR {alias}.expires_at > ? \
             OR {alias}.hold_since IS NOT NULL)"
        ),
        vec![now.into()],
    )
}

fn glob(glob: Option<&Glob>, column: &str) -> ColumnCondition {
    let Some(glob) = glob else {
        return ColumnCondition::default();
    };
    if let Some(literal) = glob.as_literal() {
        return ColumnCondition {
            lookup: Some(Fragment::new(format!("{column} = ?"), vec![literal.into()])),
            is_equality: true,
            ..ColumnCondition::default()
        };
    }
    let check = Fragment::new(
        format!("artifact_glob(?, {column})"),
        vec![glob.as_str().into()],
    );
    ColumnCondition {
        lookup: starts_with(column, glob.literal_prefix()),
        check: Some(check),
        is_equality: false,
    }
}

/// The range of texts that begin with `prefix`, in the order of their bytes of UTF-8.
fn starts_with(column: &str, prefix: &str) -> Option<Fragment> {
    if prefix.is_empty() {
        return None;
    }
    let mut range = Fragment::new(format!("{column} >= ?"), vec![prefix.into()]);
    if let Some(end) = first_text_after(prefix) {
        range.append(&Fragment::new(
            format!(" AND {column} < ?"),
            vec![Param::Text(end)],
        ));
    }
    Some(range)
}

/// The least text that is greater than every text beginning with `prefix`, if there is one. The
/// order of UTF-8 bytes is that of code points, so the last character is raised by one; the
/// greatest character of all is dropped and the one before it raised.
fn first_text_after(prefix: &str) -> Option<String> {
    let mut end = prefix.to_owned();
    while let Some(last) = end.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            end.push(next);
            return Some(end);
        }
    }
    None
}

fn types(filter: &Filter) -> ColumnCondition {
    let names = type_names(filter);
    let sql = match names.len() {
        0 => return ColumnCondition::default(),
        1 => "a.type = ?".to_owned(),
        more => format!("a.type IN (?{})", ", ?".repeat(more - 1)),
    };
    ColumnCondition {
        is_equality: names.len() == 1,
        lookup: Some(Fragment::new(
            sql,
            names.into_iter().map(Param::Text).collect(),
        )),
        check: None,
    }
}

/// The types a filter asks for, each once.
pub(crate) fn type_names(filter: &Filter) -> Vec<String> {
    let mut names: Vec<_> = filter.types.iter().map(ToString::to_string).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn created(filter: &Filter, column: &str) -> ColumnCondition {
    let bounds = [(">=", filter.created_from), ("<", filter.created_before)];
    range(&bounds.map(|(is, time)| {
        time.map(|time| Fragment::new(format!("{column} {is} ?"), vec![time.into()]))
    }))
}

/// Word for word as in the schema, where there is an index for it.
fn expiry(filter: &Filter) -> ColumnCondition {
    let sql = match filter.expiry {
        Expiry::Any => return ColumnCondition::default(),
        Expiry::Never => "a.expires_at IS NULL",
        Expiry::Ends => "a.expires_at IS NOT NULL",
    };
    ColumnCondition {
        check: Some(Fragment::new(sql, Vec::new())),
        ..ColumnCondition::default()
    }
}

/// One of the parts of the store, if there is a list of them.
fn within(filter: &Filter) -> ColumnCondition {
    let Some(areas) = &filter.within else {
        return ColumnCondition::default();
    };
    // Nothing has such a version; a constant would keep SQLite from the index that is named.
    let mut any = Fragment::new("(a.version < 0", Vec::new());
    for area in areas {
        any.push(" OR ");
        any.append(&inside(area));
    }
    any.push(")");
    ColumnCondition {
        check: Some(any),
        ..ColumnCondition::default()
    }
}

fn inside(area: &Area) -> Fragment {
    let conditions = [(&area.spec, "a.spec"), (&area.task, "a.task")].map(|(pattern, column)| {
        let sql = match pattern.as_literal() {
            Some(_) => format!("{column} = ?"),
            None => format!("artifact_glob(?, {column})"),
        };
        Fragment::new(sql, vec![pattern.as_str().into()])
    });
    let mut both = Fragment::new("(", Vec::new());
    both.append(&all_of(&conditions));
    both.push(")");
    both
}

fn size(filter: &Filter) -> ColumnCondition {
    // No stored size exceeds i64::MAX, so a minimum above it selects nothing and a maximum above
    // it everything that has a size.
    let min = filter.min_size_bytes.map(|min| match i64::try_from(min) {
        Ok(min) => Fragment::new("a.size_bytes >= ?", vec![Param::Integer(min)]),
        Err(_) => Fragment::new("a.size_bytes < 0", Vec::new()),
    });
    let max = filter.max_size_bytes.map(|max| {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        Fragment::new("a.size_bytes <= ?", vec![Param::Integer(max)])
    });
    range(&[min, max])
}

fn range(bounds: &[Option<Fragment>; 2]) -> ColumnCondition {
    let given = bounds.iter().flatten();
    ColumnCondition {
        lookup: (given.clone().count() > 0).then(|| all_of(given)),
        check: None,
        is_equality: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_before_the_next_text_in_byte_order() {
        assert_eq!(first_text_after("build-").as_deref(), Some("build."));
        assert_eq!(first_text_after("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(
            first_text_after("\u{d7ff}").as_deref(),
            Some("\u{e000}"),
            "surrogates are no characters"
        );
        assert_eq!(first_text_after("\u{10ffff}"), None);
        let end = first_text_after("é").unwrap();
        assert!("é\u{10ffff}" < end.as_str() && end.as_str() < "ëa");
    }

    #[test]
    fn a_pattern_gives_the_index_what_it_can_look_up() {
        let of = |pattern: &str| glob(Some(&pattern.parse().unwrap()), "a.task");
        let literal = of("build");
        assert!(literal.is_equality && literal.check.is_none());
        let prefix = of("build-*");
        assert_eq!(prefix.lookup.unwrap().sql, "a.task >= ? AND a.task < ?");
        assert_eq!(prefix.check.unwrap().sql, "artifact_glob(?, a.task)");
        assert!(of("*-17").lookup.is_none());
    }

    #[test]
    fn sizes_beyond_what_is_stored_select_nothing_or_everything() {
        let of = |min, max| {
            let filter = Filter {
                min_size_bytes: min,
                max_size_bytes: max,
                ..Filter::default()
            };
            size(&filter).lookup.unwrap()
        };
        assert_eq!(of(Some(u64::MAX), None).sql, "a.size_bytes < 0");
        assert_eq!(of(None, Some(u64::MAX)).params, [Param::Integer(i64::MAX)]);
    }

    #[test]
    fn states_fall_into_their_classes_once() {
        let classes = |states: &[State]| {
            let filter = Filter {
                states: states.to_vec(),
                ..Filter::default()
            };
            StateClass::of(&filter).collect::<Vec<_>>()
        };
        assert_eq!(
            classes(&[State::Archived, State::Active, State::Active]),
            [StateClass::Live]
        );
        assert_eq!(classes(&State::ALL), StateClass::ALL);
        assert!(classes(&[]).is_empty());
    }
}

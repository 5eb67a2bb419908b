//! Chooses how a query walks the indexes, and writes its SQL. Must not know how rows are read.
//!
//! The choice is made here and pinned with `INDEXED BY`, since SQLite's own would rest on
//! statistics that are missing in a young database, and it knows nothing of the limit. It is made
//! for each class of states apart, because each class has indexes of its own:
//!
//! 1. Every condition that an index can look up is a candidate. Each is counted, but never further
//!    than a few thousand entries. One that has the order asked for and leaves next to nothing to
//!    check is taken at once.
//! 2. If one selects fewer, its records are all read and sorted.
//! 3. Otherwise an index that has the order asked for is walked until the page is full, one that
//!    belongs to a condition if there is such a one.

use artifact_domain::query::{Cursor, Expiry, Filter, Order, Query, SortValue, TagFilter};
use rusqlite::{Connection, params_from_iter};

use super::error::Result;
use super::row::{COLUMNS, id_bytes};
use crate::selection::{
    ColumnCondition, Fragment, Param, Selection, StateClass, all_of, type_names,
};

/// Up to how many records are read and sorted. Counting so many entries takes under a
/// millisecond, reading so many records a few.
pub(super) const FEW: usize = 4_000;

/// How many types are walked side by side; beyond that the walk goes over all types.
const MAX_MERGED_TYPES: usize = 16;

/// The index that looks up tasks. It alone has the records of all classes.
const EVERY_STATE: &str = "artifact_coordinate";

/// The columns that tell a record and its place in an order: the beginning of [`COLUMNS`].
const ROW: &str = "a.rid, a.id";

/// What answers a query.
#[derive(Debug)]
pub(super) struct Plan {
    /// It selects the value sorted by behind all other columns.
    pub(super) sql: Fragment,
    /// Whether it selects [`ROW`] alone and not [`COLUMNS`]: what is sorted is not carried along whole, since a page
    /// may have room for a few of the records.
    pub(super) has_rows_alone: bool,
}

/// The plan of a query; nothing where no state is asked for. Fewer records than `few` are sorted, more are
/// walked in order.
pub(super) fn plan(
    connection: &Connection,
    query: &Query,
    limit: usize,
    few: usize,
) -> Result<Option<Plan>> {
    let mut ways = Vec::new();
    for class in StateClass::of(&query.filter) {
        let (way, sorted) = choose(connection, query, class, few)?;
        ways.push((class, way, sorted));
    }
    let has_rows_alone = ways.iter().any(|(_, _, sorted)| *sorted);
    let columns = if has_rows_alone { ROW } else { COLUMNS };
    let mut sql = Fragment::default();
    for (class, way, sorted) in ways {
        for branch in branches(query, class, &way, sorted, columns) {
            if !sql.sql.is_empty() {
                sql.push(" UNION ALL ");
            }
            sql.append(&branch);
        }
    }
    if sql.sql.is_empty() {
        return Ok(None);
    }
    let direction = if query.order == Order::Name {
        "ASC"
    } else {
        "DESC"
    };
    // By position, as a union demands: the value sorted by comes last, the id second.
    let sort_column = columns.split(',').count() + 1;
    sql.append(&Fragment::new(
        format!(" ORDER BY {sort_column} {direction}, 2 {direction} LIMIT ?"),
        vec![Param::Integer(i64::try_from(limit).unwrap_or(i64::MAX))],
    ));
    Ok(Some(Plan {
        sql,
        has_rows_alone,
    }))
}

/// One way to the records of a class.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Way {
    /// The condition it looks up, none for the index that has only the order.
    by: By,
    /// What stands after `FROM`.
    from: String,
    /// The entries it looks up, for counting: what stands after `FROM`, with the condition.
    entries: Fragment,
    /// The order in which it gives the records.
    order: Option<Order>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum By {
    Column,
    Types,
    /// The tag filter of this position.
    Tag(usize),
    /// One spec and one type.
    Group,
    Order,
}

/// What is selected along one way: one `SELECT`, or several that are in order each.
fn branches(
    query: &Query,
    class: StateClass,
    way: &Way,
    sorted: bool,
    columns: &str,
) -> Vec<Fragment> {
    let types = type_names(&query.filter).len();
    if way.by != By::Types || sorted || types < 2 {
        return vec![branch(query, &query.filter, class, way, columns)];
    }
    // Each type in its order: SQLite merges them.
    let one_type = |artifact_type| Filter {
        types: vec![artifact_type],
        ..query.filter.clone()
    };
    let mut types = query.filter.types.clone();
    types.sort_unstable();
    types.dedup();
    types
        .into_iter()
        .map(|artifact_type| branch(query, &one_type(artifact_type), class, way, columns))
        .collect()
}

/// The way to take, and whether it leads to so few records that they are sorted.
fn choose(
    connection: &Connection,
    query: &Query,
    class: StateClass,
    few: usize,
) -> Result<(Way, bool)> {
    let mut ways = candidates(query, class);
    let in_order = |way: &Way| way.order == Some(query.order);
    if let [only] = ways.as_slice()
        && in_order(only)
    {
        return Ok((only.clone(), false));
    }
    if let Some(group) = ways.iter().position(|way| way.by == By::Group)
        && in_order(&ways[group])
        && is_little_more_than_a_group(&query.filter)
    {
        return Ok((ways.swap_remove(group), false));
    }
    let mut fewest: Option<(usize, usize)> = None;
    for (position, way) in ways.iter().enumerate() {
        // More than the fewest so far need not be counted.
        let most = fewest.map_or(few, |(count, _)| count);
        let count = count(connection, &way.entries, most)?;
        if count < most {
            fewest = Some((count, position));
        }
    }
    if let Some((_, position)) = fewest {
        return Ok((ways.swap_remove(position), true));
    }
    let ordered = ways.into_iter().find(in_order);
    Ok((
        ordered.unwrap_or_else(|| by_order(query.order, class)),
        false,
    ))
}

/// Whether a filter asks, beyond one spec and one type, only for what nearly all of them have, or
/// for times.
fn is_little_more_than_a_group(filter: &Filter) -> bool {
    let sizes = filter.min_size_bytes.is_some() || filter.max_size_bytes.is_some();
    let is_anywhere = filter.task.is_none() && filter.within.is_none();
    is_anywhere && filter.name.is_none() && filter.tags.is_empty() && !sizes
}

/// How many entries there are, `most` if there are more.
fn count(connection: &Connection, entries: &Fragment, most: usize) -> Result<usize> {
    let mut sql = Fragment::new("SELECT count(*) FROM (SELECT 1 FROM ", Vec::new());
    sql.append(entries);
    let most = Param::Integer(i64::try_from(most).unwrap_or(i64::MAX));
    sql.append(&Fragment::new(" LIMIT ?)", vec![most]));
    let mut statement = connection.prepare_cached(&sql.sql)?;
    Ok(statement.query_row(params_from_iter(&sql.params), |row| row.get(0))?)
}

/// The ways that a condition opens, those first that are likely to lead to the fewest records.
fn candidates(query: &Query, class: StateClass) -> Vec<Way> {
    let filter = &query.filter;
    let selection = Selection::of(filter, CREATED_AT);
    let tags = filter.tags.iter().enumerate();
    let mut ways: Vec<_> = tags.map(|(at, tag)| by_tag(at, tag)).collect();
    ways.extend(by_column(EVERY_STATE, &coordinate(&selection), class, None));
    if class != StateClass::Live {
        return ways;
    }
    ways.extend(by_group(&selection, filter.expiry, class));
    let created_if = |holds: bool| holds.then_some(Order::Created);
    let types = type_names(filter).len();
    let by_types = by_column(
        "artifact_type",
        &selection.types,
        class,
        created_if(types <= MAX_MERGED_TYPES),
    );
    let by_spec = by_column(
        "artifact_spec",
        &selection.spec,
        class,
        created_if(selection.spec.is_equality),
    );
    ways.extend(by_types.map(|way| Way {
        by: By::Types,
        ..way
    }));
    ways.extend(by_spec);
    for (index, condition, order) in [
        ("artifact_name", &selection.name, Order::Name),
        ("artifact_size", &selection.size, Order::Size),
        ("artifact_created", &selection.created, Order::Created),
    ] {
        ways.extend(by_column(index, condition, class, Some(order)));
    }
    ways
}

/// What the index of coordinates can look up: it goes on with the next column as long as one value
/// is asked for.
fn coordinate(selection: &Selection) -> ColumnCondition {
    let mut lookups = Vec::new();
    for column in [
        &selection.task,
        &selection.spec,
        &selection.types,
        &selection.name,
    ] {
        lookups.extend(&column.lookup);
        if !column.is_equality {
            break;
        }
    }
    ColumnCondition {
        lookup: (!lookups.is_empty()).then(|| all_of(lookups)),
        ..ColumnCondition::default()
    }
}

fn by_tag(at: usize, tag: &TagFilter) -> Way {
    let mut entries = Fragment::new("tag AS t WHERE ", Vec::new());
    entries.append(&tag_lookup(tag));
    Way {
        by: By::Tag(at),
        from: "tag AS t CROSS JOIN artifact AS a ON a.rid = t.rid".to_owned(),
        entries,
        // The values of a key stand one after another, each with its own artifacts.
        order: tag.value.is_some().then_some(Order::Created),
    }
}

/// The way to one type of one spec.
fn by_group(selection: &Selection, expiry: Expiry, class: StateClass) -> Option<Way> {
    let (spec, types) = (&selection.spec, &selection.types);
    if !spec.is_equality || !types.is_equality {
        return None;
    }
    let mut lookup = all_of([spec.lookup.as_ref()?, types.lookup.as_ref()?]);
    let index = match (expiry, &selection.expiry.check) {
        (Expiry::Never, Some(never)) => {
            lookup = all_of([&lookup, never]);
            "artifact_unending"
        }
        _ => "artifact_group",
    };
    let condition = ColumnCondition {
        lookup: Some(lookup),
        ..ColumnCondition::default()
    };
    let way = by_column(index, &condition, class, Some(Order::Created))?;
    Some(Way {
        by: By::Group,
        ..way
    })
}

fn by_column(
    index: &str,
    condition: &ColumnCondition,
    class: StateClass,
    order: Option<Order>,
) -> Option<Way> {
    let lookup = condition.lookup.as_ref()?;
    let from = on_index(index);
    let mut entries = Fragment::new(format!("{from} WHERE "), Vec::new());
    if index == EVERY_STATE {
        // It knows no states: to ask for one would read the record of every entry.
        entries.append(lookup);
    } else {
        entries.append(&all_of([&class.condition(), lookup]));
    }
    Some(Way {
        by: By::Column,
        from,
        entries,
        order,
    })
}

/// The way over all records of a class, in order if they are many.
fn by_order(order: Order, class: StateClass) -> Way {
    let index = match (class, order) {
        (StateClass::Live, Order::Created) => "artifact_created",
        (StateClass::Live, Order::Size) => "artifact_size",
        (StateClass::Live, Order::Name) => "artifact_name",
        (StateClass::Uploading, _) => "artifact_uploading",
        (StateClass::Deleted, _) => "artifact_deleted",
    };
    Way {
        by: By::Order,
        from: on_index(index),
        entries: Fragment::default(),
        order: None,
    }
}

fn on_index(index: &str) -> String {
    format!("artifact AS a INDEXED BY {index}")
}

const CREATED_AT: &str = "a.created_at";

/// One `SELECT`, without its order, over the records of a class that `filter` selects.
fn branch(query: &Query, filter: &Filter, class: StateClass, way: &Way, columns: &str) -> Fragment {
    // A tag has the time of creation beside it and is sorted by it, so that is the one to use.
    let (created_at, rid) = match way.by {
        By::Tag(_) => ("t.created_at", "t.rid"),
        _ => (CREATED_AT, "a.rid"),
    };
    let sort = match (query.order, class) {
        (Order::Created, _) => created_at,
        (Order::Size, StateClass::Live) => "a.size_bytes",
        (Order::Size, _) => "coalesce(a.size_bytes, 0)",
        (Order::Name, _) => "a.name",
    };
    let selection = Selection::of(filter, created_at);
    let mut conditions: Vec<_> = selection.conditions().cloned().collect();
    for (at, tag) in filter.tags.iter().enumerate() {
        conditions.push(if way.by == By::Tag(at) {
            tag_lookup(tag)
        } else {
            tag_check(tag, created_at, rid)
        });
    }
    conditions.extend(query.cursor.as_ref().map(|cursor| after(cursor, sort)));
    conditions.extend(class.conditions(filter, query.now));
    let mut sql = Fragment::new(
        format!("SELECT {columns}, {sort} FROM {} WHERE ", way.from),
        Vec::new(),
    );
    sql.append(&all_of(&conditions));
    sql
}

/// The entries of a tag, called `t`.
fn tag_lookup(tag: &TagFilter) -> Fragment {
    let mut lookup = Fragment::new("t.key = ?", vec![tag.key.as_str().into()]);
    if let Some(value) = &tag.value {
        lookup.append(&Fragment::new(
            " AND t.value = ?",
            vec![value.as_str().into()],
        ));
    }
    lookup
}

/// Whether one record has a tag.
fn tag_check(tag: &TagFilter, created_at: &str, rid: &str) -> Fragment {
    let key = Param::from(tag.key.as_str());
    match &tag.value {
        Some(value) => Fragment::new(
            format!(
                "EXISTS (SELECT 1 FROM tag WHERE tag.key = ? AND tag.value = ? \
                 AND tag.created_at = {created_at} AND tag.rid = {rid})"
            ),
            vec![key, value.as_str().into()],
        ),
        None => Fragment::new(
            "EXISTS (SELECT 1 FROM json_each(a.tags) AS label WHERE label.key = ?)",
            vec![key],
        ),
    }
}

/// That a record comes after the cursor.
fn after(cursor: &Cursor, sort: &str) -> Fragment {
    let id = Param::Id(id_bytes(cursor.id()));
    let (is, value) = match cursor.value() {
        SortValue::Created(time) => ("<", Param::from(*time)),
        SortValue::Size(size) => match i64::try_from(*size) {
            Ok(size) => ("<", Param::Integer(size)),
            // No stored size is so large, so everything comes after it.
            Err(_) => return Fragment::new("true", Vec::new()),
        },
        SortValue::Name(name) => (">", Param::from(name.as_str())),
    };
    // The first condition follows from the second; it is the one that an index looks up where the
    // two columns are not of one table.
    Fragment::new(
        format!("{sort} {is}= ? AND ({sort}, a.id) {is} (?, ?)"),
        vec![value.clone(), value, id],
    )
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

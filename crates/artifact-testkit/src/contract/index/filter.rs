//! Each condition of a query alone, and all together.

use artifact_domain::port::{ArtifactIndex, NewUpload};
use artifact_domain::query::{Area, Expiry, Filter, Glob, TagFilter, Versions};
use artifact_domain::{ArtifactType, State, Timestamp};

use super::{archive, begun, changed, deleted, everything, hold, names, selected, stored, upload};
use crate::{Subject, sample};

pub(super) fn glob(pattern: &str) -> Glob {
    pattern.parse().unwrap()
}

pub(super) async fn assert_selects(index: &dyn ArtifactIndex, filter: Filter, expected: &[&str]) {
    let shown = format!("{filter:?}");
    assert_eq!(names(index, filter).await, expected, "{shown}");
}

/// By default a query selects the newest version of everything that can be read.
pub async fn the_default_selects_what_can_be_read(index: Subject<dyn ArtifactIndex>) {
    let named = |name| sample::upload("s", "t", "log", name);
    stored(&*index, named("active"), 1).await;
    let archived = stored(&*index, named("archived"), 1).await;
    changed(&*index, archived, archive).await;
    begun(&*index, named("uploading")).await;
    let gone = stored(&*index, named("deleted"), 1).await;
    deleted(&*index, gone).await;
    let expired = NewUpload {
        expires_at: Some(sample::now()),
        ..named("expired")
    };
    stored(&*index, expired, 1).await;
    assert_selects(&*index, Filter::default(), &["active", "archived"]).await;
}

/// An index without records, or without one that fits, gives an empty page.
pub async fn nothing_selected_is_an_empty_page(index: Subject<dyn ArtifactIndex>) {
    assert_selects(&*index, everything(), &[]).await;
    stored(&*index, upload(), 1).await;
    let filter = Filter {
        name: Some(glob("nothing")),
        ..everything()
    };
    assert_selects(&*index, filter, &[]).await;
}

/// Patterns select specs: literally, by `*`, `?` and sets, with case, and the whole text.
pub async fn specs_are_selected_by_pattern(index: Subject<dyn ArtifactIndex>) {
    for spec in [
        "demo", "demo2", "Demo", "org/demo", "de%mo", "de_mo", "démo",
    ] {
        stored(&*index, sample::upload(spec, "t", "log", spec), 1).await;
    }
    for (pattern, expected) in [
        ("demo", vec!["demo"]),
        ("demo*", vec!["demo", "demo2"]),
        ("*demo", vec!["demo", "org/demo"]),
        ("d?mo", vec!["demo", "démo"]),
        ("de?mo", vec!["de%mo", "de_mo"]),
        ("de_mo", vec!["de_mo"]),
        ("de%mo", vec!["de%mo"]),
        ("[dD]emo", vec!["Demo", "demo"]),
        ("[!D]emo", vec!["demo"]),
        ("org/*", vec!["org/demo"]),
        ("em", vec![]),
    ] {
        let filter = Filter {
            spec: Some(glob(pattern)),
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
    }
}

/// Patterns select tasks.
pub async fn tasks_are_selected_by_pattern(index: Subject<dyn ArtifactIndex>) {
    for task in ["run-1", "run-10", "RUN-1", "other"] {
        stored(&*index, sample::upload("s", task, "log", task), 1).await;
    }
    for (pattern, expected) in [
        ("run-1", vec!["run-1"]),
        ("run-*", vec!["run-1", "run-10"]),
        ("*-1", vec!["RUN-1", "run-1"]),
        ("*", vec!["RUN-1", "other", "run-1", "run-10"]),
    ] {
        let filter = Filter {
            task: Some(glob(pattern)),
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
    }
}

/// Patterns select names; a star takes slashes too.
pub async fn names_are_selected_by_pattern(index: Subject<dyn ArtifactIndex>) {
    for name in [
        "a*[b]?",
        "a",
        "ab",
        "src/main.rs",
        "src/deep/lib.rs",
        "日本.rs",
    ] {
        stored(&*index, sample::upload("s", "t", "code", name), 1).await;
    }
    for (pattern, expected) in [
        ("*.rs", vec!["src/deep/lib.rs", "src/main.rs", "日本.rs"]),
        ("src/*", vec!["src/deep/lib.rs", "src/main.rs"]),
        ("??.rs", vec!["日本.rs"]),
        ("a*", vec!["a", "a*[b]?", "ab"]),
        ("a[*]*", vec!["a*[b]?"]),
        ("a?", vec!["ab"]),
    ] {
        let filter = Filter {
            name: Some(glob(pattern)),
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
    }
    let filter = Filter {
        name: Some(Glob::exactly("a*[b]?")),
        ..Filter::default()
    };
    assert_selects(&*index, filter, &["a*[b]?"]).await;
}

/// Of several types one is enough; custom ones too; none given takes all.
pub async fn types_are_selected_from_a_list(index: Subject<dyn ArtifactIndex>) {
    for artifact_type in ["log", "build-log", "diff", "custom:log", "custom:x"] {
        let name = artifact_type.replace(':', "_");
        stored(&*index, sample::upload("s", "t", artifact_type, &name), 1).await;
    }
    let all = ["build-log", "custom_log", "custom_x", "diff", "log"];
    for (types, expected) in [
        (vec![], all.to_vec()),
        (vec!["log"], vec!["log"]),
        (vec!["custom:log"], vec!["custom_log"]),
        (vec!["diff", "build-log", "diff"], vec!["build-log", "diff"]),
        (vec!["video", "custom:x"], vec!["custom_x"]),
        (vec!["video"], vec![]),
    ] {
        let types = types.into_iter().map(|name| name.parse().unwrap());
        let filter = Filter {
            types: types.collect::<Vec<ArtifactType>>(),
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
    }
}

/// All tags that are asked for must be there: by key alone, with a value, with an empty value.
pub async fn all_tags_must_be_there(index: Subject<dyn ArtifactIndex>) {
    for (name, tags) in [
        ("none", vec![]),
        ("linux", vec!["os=linux", "nightly"]),
        ("mac", vec!["os=mac", "nightly", "arch=arm"]),
        ("bare", vec!["os"]),
        ("odd", vec!["os=a=b", "OS=linux", "50%_=\\'\""]),
    ] {
        let upload = NewUpload {
            tags: sample::tags(&tags),
            ..sample::upload("s", "t", "log", name)
        };
        stored(&*index, upload, 1).await;
    }
    for (tags, expected) in [
        (vec!["os"], vec!["bare", "linux", "mac", "odd"]),
        (vec!["os=linux"], vec!["linux"]),
        (vec!["os="], vec!["bare"]),
        (vec!["nightly"], vec!["linux", "mac"]),
        (vec!["nightly="], vec!["linux", "mac"]),
        (vec!["nightly", "os=mac"], vec!["mac"]),
        (vec!["nightly", "os=mac", "arch"], vec!["mac"]),
        (vec!["os=linux", "os=mac"], vec![]),
        (vec!["os", "os=linux", "os"], vec!["linux"]),
        (vec!["OS"], vec!["odd"]),
        (vec!["os=a=b"], vec!["odd"]),
        (vec!["50%_=\\'\""], vec!["odd"]),
        (vec!["o"], vec![]),
        (vec!["os=lin"], vec![]),
    ] {
        let tags = tags.into_iter().map(|text| TagFilter::parse(text).unwrap());
        let filter = Filter {
            tags: tags.collect(),
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
    }
}

/// Tags that were changed or taken away are found as they are now.
pub async fn tags_are_found_as_they_are_now(index: Subject<dyn ArtifactIndex>) {
    let record = NewUpload {
        tags: sample::tags(&["old=1", "kept"]),
        ..sample::upload("s", "t", "log", "x")
    };
    let record = stored(&*index, record, 1).await;
    changed(&*index, record, |r| {
        r.tags = sample::tags(&["new", "kept=2"]);
    })
    .await;
    for (tag, there) in [
        ("old", false),
        ("old=1", false),
        ("new", true),
        ("kept", true),
        ("kept=", false),
        ("kept=2", true),
    ] {
        let filter = Filter {
            tags: vec![TagFilter::parse(tag).unwrap()],
            ..Filter::default()
        };
        let expected: &[&str] = if there { &["x"] } else { &[] };
        assert_selects(&*index, filter, expected).await;
    }
}

/// The bounds on the time of creation: the first included, the second not.
pub async fn created_bounds_include_the_first_instant_only(index: Subject<dyn ArtifactIndex>) {
    let next = |time: Timestamp| Timestamp::from_micros(time.as_micros() + 1).unwrap();
    for (name, created_at) in [
        ("a", sample::at(-10)),
        ("b", sample::at(0)),
        ("c", next(sample::at(0))),
        ("d", sample::at(10)),
    ] {
        let upload = NewUpload {
            created_at,
            ..sample::upload("s", "t", "log", name)
        };
        stored(&*index, upload, 1).await;
    }
    let at = |seconds| Some(sample::at(seconds));
    for (from, before, expected) in [
        (at(0), None, vec!["b", "c", "d"]),
        (Some(next(sample::at(0))), None, vec!["c", "d"]),
        (None, at(0), vec!["a"]),
        (None, Some(next(sample::at(0))), vec!["a", "b"]),
        (at(0), at(10), vec!["b", "c"]),
        (at(0), at(0), vec![]),
        (at(10), at(-10), vec![]),
        (None, Some(Timestamp::MAX), vec!["a", "b", "c", "d"]),
    ] {
        let filter = Filter {
            created_from: from,
            created_before: before,
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
    }
}

/// The bounds on the original size are both included; what has no content has no size.
pub async fn size_bounds_are_included(index: Subject<dyn ArtifactIndex>) {
    for (name, size) in [("0", 0), ("1", 1), ("99", 99), ("100", 100)] {
        stored(&*index, sample::upload("s", "t", "log", name), size).await;
    }
    begun(&*index, sample::upload("s", "t", "log", "uploading")).await;
    for (min, max, expected) in [
        (Some(0), None, vec!["0", "1", "100", "99"]),
        (Some(1), None, vec!["1", "100", "99"]),
        (Some(100), None, vec!["100"]),
        (Some(101), None, vec![]),
        (None, Some(0), vec!["0"]),
        (None, Some(99), vec!["0", "1", "99"]),
        (None, Some(u64::MAX), vec!["0", "1", "100", "99"]),
        (Some(1), Some(99), vec!["1", "99"]),
        (Some(99), Some(1), vec![]),
        (Some(u64::MAX), None, vec![]),
        (None, None, vec!["0", "1", "100", "99", "uploading"]),
    ] {
        let filter = Filter {
            min_size_bytes: min,
            max_size_bytes: max,
            ..everything()
        };
        assert_selects(&*index, filter, &expected).await;
    }
}

/// A time of expiry can be asked for, or its lack, with one spec and type and without; a hold
/// makes no difference.
pub async fn what_ends_and_what_does_not_are_told_apart(index: Subject<dyn ArtifactIndex>) {
    let named = |name| sample::upload("s", "t", "log", name);
    let ending = |name| NewUpload {
        expires_at: Some(sample::at(100)),
        ..named(name)
    };
    stored(&*index, named("never"), 1).await;
    stored(&*index, sample::upload("s", "t", "diff", "other type"), 1).await;
    stored(&*index, sample::upload("s2", "t", "log", "other spec"), 1).await;
    stored(&*index, ending("ends"), 1).await;
    let held = stored(&*index, ending("held"), 1).await;
    changed(&*index, held, hold).await;
    let stopped = stored(&*index, ending("stopped"), 1).await;
    changed(&*index, stopped, |record| record.expires_at = None).await;
    let cut = stored(&*index, named("cut"), 1).await;
    changed(&*index, cut, |record| {
        record.expires_at = Some(sample::at(50));
    })
    .await;
    begun(&*index, named("uploading")).await;
    let group = Filter {
        spec: Some("s".parse().unwrap()),
        types: vec!["log".parse().unwrap()],
        versions: Versions::All,
        ..Filter::default()
    };
    let all = Filter {
        versions: Versions::All,
        ..Filter::default()
    };
    let ends = ["cut", "ends", "held"];
    for (filter, never, rest) in [
        (group, vec!["never", "stopped"], ends),
        (
            all,
            vec!["never", "other spec", "other type", "stopped"],
            ends,
        ),
    ] {
        let of = |expiry| Filter {
            expiry,
            ..filter.clone()
        };
        assert_selects(&*index, of(Expiry::Never), &never).await;
        assert_selects(&*index, of(Expiry::Ends), &rest).await;
        let mut any = [&never[..], &rest[..]].concat();
        any.sort_unstable();
        assert_selects(&*index, of(Expiry::Any), &any).await;
    }
}

/// Of several states one is enough; of none nothing is selected.
pub async fn states_are_selected_from_a_list(index: Subject<dyn ArtifactIndex>) {
    let named = |name| sample::upload("s", "t", "log", name);
    begun(&*index, named("uploading")).await;
    stored(&*index, named("active"), 1).await;
    let archived = stored(&*index, named("archived"), 1).await;
    changed(&*index, archived, archive).await;
    let gone = stored(&*index, named("deleted"), 1).await;
    deleted(&*index, gone).await;
    for (states, expected) in [
        (vec![State::Uploading], vec!["uploading"]),
        (vec![State::Active], vec!["active"]),
        (vec![State::Archived], vec!["archived"]),
        (vec![State::Deleted], vec!["deleted"]),
        (
            vec![State::Deleted, State::Active, State::Active],
            vec!["active", "deleted"],
        ),
        (
            State::ALL.to_vec(),
            vec!["active", "archived", "deleted", "uploading"],
        ),
        (vec![], vec![]),
    ] {
        for versions in [Versions::Newest, Versions::All] {
            let filter = Filter {
                states: states.clone(),
                versions,
                ..Filter::default()
            };
            assert_selects(&*index, filter, &expected).await;
        }
    }
}

/// A live version that has expired is never selected, from the very instant; a held one is, and
/// so are uploads and deleted ones, whatever their time.
pub async fn what_has_expired_is_not_selected(index: Subject<dyn ArtifactIndex>) {
    let named = |name| NewUpload {
        expires_at: Some(sample::at(100)),
        ..sample::upload("s", "t", "log", name)
    };
    stored(&*index, named("active"), 1).await;
    let archived = stored(&*index, named("archived"), 1).await;
    changed(&*index, archived, archive).await;
    let held = stored(&*index, named("held"), 1).await;
    changed(&*index, held, hold).await;
    begun(&*index, named("uploading")).await;
    let gone = stored(&*index, named("deleted"), 1).await;
    deleted(&*index, gone).await;
    for (now, expected) in [
        (
            99,
            vec!["active", "archived", "deleted", "held", "uploading"],
        ),
        (100, vec!["deleted", "held", "uploading"]),
        (5_000, vec!["deleted", "held", "uploading"]),
        (
            0,
            vec!["active", "archived", "deleted", "held", "uploading"],
        ),
    ] {
        let found = selected(&*index, everything(), sample::at(now)).await;
        let mut found: Vec<_> = found.iter().map(super::name).collect();
        found.sort();
        assert_eq!(found, expected, "at {now}");
    }
}

/// All conditions together must hold: each of them alone can leave a record out.
pub async fn all_conditions_together_must_hold(index: Subject<dyn ArtifactIndex>) {
    let upload = NewUpload {
        tags: sample::tags(&["os=linux", "nightly"]),
        ..sample::upload("spec", "task", "log", "dir/build.log")
    };
    stored(&*index, upload, 50).await;
    let all = Filter {
        spec: Some(glob("sp*")),
        task: Some(glob("task")),
        name: Some(glob("*.log")),
        types: vec![ArtifactType::Log, ArtifactType::Diff],
        tags: vec![
            TagFilter::parse("os=linux").unwrap(),
            TagFilter::parse("nightly").unwrap(),
        ],
        created_from: Some(sample::at(0)),
        created_before: Some(sample::at(1)),
        min_size_bytes: Some(50),
        max_size_bytes: Some(50),
        states: vec![State::Active],
        versions: Versions::Newest,
        expiry: Expiry::Never,
        within: Some(vec![Area::everywhere()]),
    };
    assert_selects(&*index, all.clone(), &["dir/build.log"]).await;
    let but: [fn(&mut Filter); 12] = [
        |f| f.within = Some(Vec::new()),
        |f| f.expiry = Expiry::Ends,
        |f| f.spec = Some(glob("x*")),
        |f| f.task = Some(glob("tas")),
        |f| f.name = Some(glob("*.txt")),
        |f| f.types = vec![ArtifactType::Diff],
        |f| f.tags[0] = TagFilter::parse("os=mac").unwrap(),
        |f| f.created_from = Some(sample::at(1)),
        |f| f.created_before = Some(sample::at(0)),
        |f| f.min_size_bytes = Some(51),
        |f| f.max_size_bytes = Some(49),
        |f| f.states = vec![State::Archived],
    ];
    for change in but {
        let mut filter = all.clone();
        change(&mut filter);
        assert_selects(&*index, filter, &[]).await;
    }
}

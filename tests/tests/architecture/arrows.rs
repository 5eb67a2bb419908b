//! Which crate may depend on which. A new crate gets its row here first.

use std::collections::BTreeSet;

use crate::workspace::{Member, Workspace, load};
use crate::{assert_none, assert_one};

/// What one crate of the workspace may name of the others.
struct Arrows {
    from: &'static str,
    /// As a dependency.
    to: &'static [&'static str],
    /// In tests, examples and benchmarks, beside `to`.
    in_tests: &'static [&'static str],
    /// Crates of others that must not even come with what it depends on.
    never: &'static [&'static str],
}

const DOMAIN: &str = "artifact-domain";
const CODEC: &str = "artifact-codec";
const REPORTS: &str = "artifact-reports";
const GUESS: &str = "artifact-guess";
const WATCH: &str = "artifact-watch";
const GUARD: &str = "artifact-guard";
const ARCHIVE: &str = "artifact-archive";
const METER: &str = "artifact-meter";
const APP: &str = "artifact-app";
const TESTKIT: &str = "artifact-testkit";
const BOOTSTRAP: &str = "artifact-bootstrap";
const API: &str = "artifact-api";
const CLIENT: &str = "artifact-client";
const ADAPTERS: [&str; 7] = [
    OPENDAL, SQL_INDEX, SLED_INDEX, FILELOCK, TOKEN_FILE, OIDC, AUDIT_FILE,
];
const OPENDAL: &str = "adapter-opendal";
const SQL_INDEX: &str = "adapter-sql-index";
const SLED_INDEX: &str = "adapter-sled-index";
const FILELOCK: &str = "adapter-filelock";
const TOKEN_FILE: &str = "adapter-token-file";
const AUDIT_FILE: &str = "adapter-audit-file";
const OIDC: &str = "adapter-oidc";

/// Runtimes, file access and engines: everything that is not pure.
const IMPURE: &[&str] = &["tokio", "opendal", "sled", "sqlx", "rusqlite", "fs4"];
/// The engines behind the ports.
const ENGINES: &[&str] = &["opendal", "sled", "sqlx", "rusqlite", "fs4"];

const ALL: &[Arrows] = &[
    Arrows {
        from: DOMAIN,
        to: &[],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: CODEC,
        to: &[],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: REPORTS,
        to: &[],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: GUESS,
        to: &[DOMAIN],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: WATCH,
        to: &[DOMAIN],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: GUARD,
        to: &[DOMAIN],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: METER,
        to: &[DOMAIN],
        in_tests: &[TESTKIT],
        never: IMPURE,
    },
    Arrows {
        from: ARCHIVE,
        to: &[],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: APP,
        to: &[DOMAIN, API, CODEC, REPORTS, ARCHIVE, GUARD],
        in_tests: &[TESTKIT],
        never: ENGINES,
    },
    Arrows {
        from: TESTKIT,
        to: &[DOMAIN],
        in_tests: &[],
        never: ENGINES,
    },
    adapter(OPENDAL, &["sled", "sqlx", "rusqlite"]),
    adapter(SQL_INDEX, &["opendal", "sled"]),
    adapter(SLED_INDEX, &["opendal", "sqlx", "rusqlite"]),
    adapter(FILELOCK, &["opendal", "sled", "sqlx", "rusqlite"]),
    Arrows {
        to: &[DOMAIN, WATCH],
        ..adapter(TOKEN_FILE, &["opendal", "sled", "sqlx", "rusqlite"])
    },
    Arrows {
        to: &[DOMAIN, WATCH],
        ..adapter(OIDC, ENGINES)
    },
    adapter(AUDIT_FILE, &["opendal", "sled", "sqlx", "rusqlite"]),
    Arrows {
        from: BOOTSTRAP,
        to: &[
            DOMAIN, API, APP, METER, OPENDAL, SQL_INDEX, SLED_INDEX, FILELOCK, TOKEN_FILE, OIDC,
            AUDIT_FILE,
        ],
        in_tests: &[TESTKIT],
        never: &[],
    },
    Arrows {
        from: API,
        to: &[DOMAIN],
        in_tests: &[],
        never: IMPURE,
    },
    Arrows {
        from: CLIENT,
        to: &[DOMAIN, API],
        in_tests: &[],
        never: ENGINES,
    },
    Arrows {
        from: "artifact-cli",
        to: &[DOMAIN, API, CLIENT, GUESS, REPORTS, APP, BOOTSTRAP],
        in_tests: &[],
        never: &[],
    },
    Arrows {
        from: "artifact-http",
        to: &[DOMAIN, API, GUESS, METER, WATCH, APP, BOOTSTRAP],
        in_tests: &[],
        never: &[],
    },
    Arrows {
        from: "e2e",
        to: &[
            DOMAIN, CODEC, REPORTS, GUARD, APP, TESTKIT, OPENDAL, SQL_INDEX, SLED_INDEX, FILELOCK,
            BOOTSTRAP,
        ],
        in_tests: &[],
        never: &[],
    },
];

const fn adapter(from: &'static str, never: &'static [&'static str]) -> Arrows {
    Arrows {
        from,
        to: &[DOMAIN],
        in_tests: &[TESTKIT],
        never,
    }
}

fn arrows_of(name: &str) -> Option<&'static Arrows> {
    ALL.iter().find(|arrows| arrows.from == name)
}

/// Crates that are not in the table, and rows of the table without a crate.
fn unknown_crates(workspace: &Workspace) -> Vec<String> {
    let unknown = workspace
        .keys()
        .filter(|name| arrows_of(name).is_none())
        .map(|name| format!("{name} has no row in the table of arrows"));
    let named = ALL
        .iter()
        .flat_map(|arrows| [&[arrows.from], arrows.to, arrows.in_tests].concat())
        .collect::<BTreeSet<_>>();
    let gone = named
        .into_iter()
        .filter(|name| !workspace.contains_key(*name))
        .map(|name| format!("the table of arrows names {name}, which does not exist"));
    unknown.chain(gone).collect()
}

/// Dependencies between crates of the workspace that the table does not allow.
fn outward_arrows(workspace: &Workspace) -> Vec<String> {
    let mut violations = Vec::new();
    for (name, member) in workspace {
        let Some(arrows) = arrows_of(name) else {
            continue; // `unknown_crates` names it
        };
        let mut check = |kind: &str, named: &BTreeSet<String>, allowed: &[&str]| {
            for other in named.iter().filter(|other| workspace.contains_key(*other)) {
                if !allowed.contains(&other.as_str()) {
                    violations.push(format!("{name} must not name {other} ({kind})"));
                }
            }
        };
        check("dependency", &member.normal, arrows.to);
        check("build dependency", &member.build, &[]);
        let in_tests = [arrows.to, arrows.in_tests].concat();
        check("dev-dependency", &member.dev, &in_tests);
    }
    violations
}

/// Crates of others that come with a crate that must be free of them.
fn impurities(workspace: &Workspace) -> Vec<String> {
    let mut violations = Vec::new();
    for (name, member) in workspace {
        for never in arrows_of(name).map_or(&[][..], |arrows| arrows.never) {
            if member.reaches.contains(*never) {
                violations.push(format!("{never} comes with {name}"));
            }
        }
    }
    violations
}

/// Who names an adapter, though only the wiring and the end-to-end tests may.
fn namers_of_adapters(workspace: &Workspace) -> Vec<String> {
    let mut violations = Vec::new();
    for (name, member) in workspace {
        for kind in [&member.normal, &member.dev, &member.build] {
            for adapter in kind.iter().filter(|dep| dep.starts_with("adapter-")) {
                if ![BOOTSTRAP, "e2e"].contains(&name.as_str()) {
                    violations.push(format!("{name} names {adapter}"));
                }
            }
        }
    }
    violations
}

#[test]
fn every_crate_has_its_row() {
    assert_none(&unknown_crates(&load()));
}

#[test]
fn dependencies_point_inward() {
    assert_none(&outward_arrows(&load()));
}

#[test]
fn pure_crates_stay_pure() {
    assert_none(&impurities(&load()));
}

#[test]
fn only_the_wiring_names_adapters() {
    assert_none(&namers_of_adapters(&load()));
}

/// A workspace of every crate in the table, without dependencies.
fn bare() -> Workspace {
    let workspace: Workspace = ALL
        .iter()
        .map(|arrows| (arrows.from.to_owned(), Member::default()))
        .collect();
    for rule in [
        unknown_crates,
        outward_arrows,
        impurities,
        namers_of_adapters,
    ] {
        assert_none(&rule(&workspace));
    }
    workspace
}

fn member<'a>(workspace: &'a mut Workspace, name: &str) -> &'a mut Member {
    workspace.get_mut(name).expect("the table names it")
}

#[test]
fn an_unknown_crate_is_found() {
    let mut workspace = bare();
    workspace.insert("artifact-new".to_owned(), Member::default());
    assert_one(&unknown_crates(&workspace), &["artifact-new", "has no row"]);
}

#[test]
fn a_row_without_a_crate_is_found() {
    let mut workspace = bare();
    workspace.remove(FILELOCK);
    assert_one(&unknown_crates(&workspace), &[FILELOCK, "does not exist"]);
}

#[test]
fn an_outward_arrow_of_any_kind_is_found() {
    let named = || BTreeSet::from([TESTKIT.to_owned(), "serde".to_owned()]);

    let mut workspace = bare();
    member(&mut workspace, APP).normal = named();
    assert_one(&outward_arrows(&workspace), &[APP, TESTKIT, "(dependency)"]);

    let mut workspace = bare();
    member(&mut workspace, CODEC).dev = named();
    assert_one(
        &outward_arrows(&workspace),
        &[CODEC, TESTKIT, "(dev-dependency)"],
    );

    let mut workspace = bare();
    member(&mut workspace, "e2e").build = named();
    assert_one(
        &outward_arrows(&workspace),
        &["e2e", TESTKIT, "(build dependency)"],
    );

    // what the table allows for tests alone
    let mut workspace = bare();
    member(&mut workspace, APP).dev = named();
    assert_none(&outward_arrows(&workspace));
}

#[test]
fn an_impure_crate_behind_another_is_found() {
    let mut workspace = bare();
    member(&mut workspace, DOMAIN).reaches = BTreeSet::from(["tokio".to_owned()]);
    assert_one(&impurities(&workspace), &[DOMAIN, "tokio"]);
}

#[test]
fn who_names_an_adapter_is_found() {
    for adapter in ADAPTERS {
        let mut workspace = bare();
        member(&mut workspace, BOOTSTRAP).normal = BTreeSet::from([adapter.to_owned()]);
        member(&mut workspace, "artifact-cli").dev = BTreeSet::from([adapter.to_owned()]);
        assert_one(&namers_of_adapters(&workspace), &["artifact-cli", adapter]);
    }
}

//! The crates of the workspace and what they depend on, as cargo sees it. Knows no rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};

use crate::root;

/// The crates of the workspace by name.
pub(crate) type Workspace = BTreeMap<String, Member>;

/// One crate of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Member {
    /// Its folder.
    pub(crate) folder: PathBuf,
    /// The crates that it names as dependencies, optional ones and those of any platform too.
    pub(crate) normal: BTreeSet<String>,
    /// The crates that only its tests, examples and benchmarks name.
    pub(crate) dev: BTreeSet<String>,
    /// The crates that its build script names.
    pub(crate) build: BTreeSet<String>,
    /// Every crate that comes with it through normal dependencies, with all features.
    pub(crate) reaches: BTreeSet<String>,
}

/// Asks cargo, with the lock file as it is.
pub(crate) fn load() -> Workspace {
    let metadata = MetadataCommand::new()
        .manifest_path(root().join("Cargo.toml"))
        .features(CargoOpt::AllFeatures)
        .other_options(["--locked".to_owned()])
        .exec()
        .expect("cargo metadata succeeds wherever this test was built");
    let workspace: Workspace = metadata
        .workspace_packages()
        .into_iter()
        .map(|package| {
            let named = |kind| {
                let of_kind = package.dependencies.iter().filter(|dep| dep.kind == kind);
                of_kind.map(|dep| dep.name.clone()).collect()
            };
            let folder = package
                .manifest_path
                .parent()
                .expect("a manifest lies in a folder");
            let member = Member {
                folder: folder.into(),
                normal: named(DependencyKind::Normal),
                dev: named(DependencyKind::Development),
                build: named(DependencyKind::Build),
                reaches: reaches(&metadata, &package.id),
            };
            (package.name.to_string(), member)
        })
        .collect();
    assert!(workspace.len() > 1, "cargo metadata found {workspace:?}");
    workspace
}

fn reaches(metadata: &Metadata, from: &PackageId) -> BTreeSet<String> {
    let graph = metadata
        .resolve
        .as_ref()
        .expect("metadata with dependencies has a graph");
    let nodes: BTreeMap<_, _> = graph.nodes.iter().map(|node| (&node.id, node)).collect();
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(id) = open.pop() {
        for dep in &nodes[id].deps {
            let normal = |kind: &cargo_metadata::DepKindInfo| kind.kind == DependencyKind::Normal;
            if dep.dep_kinds.iter().any(normal) && seen.insert(&dep.pkg) {
                open.push(&dep.pkg);
            }
        }
    }
    seen.into_iter()
        .map(|id| metadata[id].name.to_string())
        .collect()
}

#[test]
fn what_a_crate_reaches_is_more_than_it_names() {
    let workspace = load();
    let domain = &workspace["artifact-domain"];
    assert!(domain.reaches.is_superset(&domain.normal));
    assert!(domain.reaches.contains("serde_core"), "{domain:?}");
    assert!(!domain.normal.contains("serde_core"), "{domain:?}");
}

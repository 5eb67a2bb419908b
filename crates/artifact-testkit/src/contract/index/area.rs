//! Selecting by parts of the store, which is how rights narrow what is listed.

use artifact_domain::ArtifactType;
use artifact_domain::port::ArtifactIndex;
use artifact_domain::query::{Area, Filter, Glob};

use super::filter::{assert_selects, glob};
use super::stored;
use crate::{Subject, sample};

/// Of several parts of the store one is enough, spec and task of the same one; of none there is nothing.
pub async fn areas_are_selected(index: Subject<dyn ArtifactIndex>) {
    for (spec, task) in [
        ("team", "1"),
        ("team", "ci-1"),
        ("team-b", "1"),
        ("Team", "ci-1"),
        ("a*b", "1"),
    ] {
        let name = format!("{spec}.{task}").replace('*', "_");
        stored(&*index, sample::upload(spec, task, "log", &name), 1).await;
    }
    let area = |spec: &str, task: &str| Area {
        spec: glob(spec),
        task: glob(task),
    };
    let a_star = Area {
        spec: Glob::exactly("a*b"),
        task: Glob::all(),
    };
    let all = ["Team.ci-1", "a_b.1", "team-b.1", "team.1", "team.ci-1"];
    for (areas, expected) in [
        (vec![], vec![]),
        (vec![Area::everywhere()], all.to_vec()),
        (vec![area("team", "*")], vec!["team.1", "team.ci-1"]),
        (
            vec![area("team", "1"), area("Team", "ci-*")],
            vec!["Team.ci-1", "team.1"],
        ),
        (vec![area("team*", "1")], vec!["team-b.1", "team.1"]),
        (vec![a_star], vec!["a_b.1"]),
        (vec![area("tea", "*"), area("eam", "*")], vec![]),
    ] {
        let filter = Filter {
            within: Some(areas.clone()),
            ..Filter::default()
        };
        assert_selects(&*index, filter, &expected).await;
        let narrower = Filter {
            within: Some(areas),
            spec: Some(glob("team")),
            types: vec![ArtifactType::Log],
            ..Filter::default()
        };
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|name| name.starts_with("team."))
            .collect();
        assert_selects(&*index, narrower, &expected).await;
    }
}

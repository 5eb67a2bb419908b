//! Which spec, task and person are meant when the user names none.

use artifact_domain::{Result, SpecName, TaskId};

/// Variables in which a CI says which run this is, the first that is set wins.
const RUN_IDS: [&str; 12] = [
    "ARTIFACT_TASK",
    "GITHUB_RUN_ID",
    "CI_PIPELINE_ID",
    "BUILDKITE_BUILD_ID",
    "CIRCLE_WORKFLOW_ID",
    "BUILD_BUILDID",
    "TRAVIS_BUILD_ID",
    "BITBUCKET_BUILD_NUMBER",
    "DRONE_BUILD_NUMBER",
    "SEMAPHORE_WORKFLOW_ID",
    "APPVEYOR_BUILD_ID",
    "BUILD_TAG",
];

/// Variables in which a CI says for whom it runs, then those of a system, the first that is set wins.
const USERS: [&str; 8] = [
    "GITHUB_ACTOR",
    "GITLAB_USER_LOGIN",
    "BUILDKITE_BUILD_AUTHOR",
    "CIRCLE_USERNAME",
    "BUILD_REQUESTEDFOR",
    "DRONE_COMMIT_AUTHOR",
    "USER",
    "LOGNAME",
];

/// The task of whoever runs outside of any CI.
const LOCAL: &str = "local";

/// The spec given, else `$ARTIFACT_SPEC`, else `default`.
pub(crate) fn spec_or_default(given: Option<SpecName>) -> Result<SpecName> {
    given.map_or_else(|| default_spec(variable), Ok)
}

/// The task given, else `$ARTIFACT_TASK`, else the run id of the CI, else `local`.
pub(crate) fn task_or_default(given: Option<TaskId>) -> Result<TaskId> {
    given.map_or_else(|| default_task(variable), Ok)
}

/// Whoever the CI runs for, else the user of the system, if either is known.
pub(crate) fn user() -> Option<String> {
    first_set(&USERS, variable)
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn default_spec(variable: impl Fn(&str) -> Option<String>) -> Result<SpecName> {
    match variable("ARTIFACT_SPEC").filter(|value| !value.is_empty()) {
        Some(spec) => spec.parse(),
        None => Ok(SpecName::default()),
    }
}

fn default_task(variable: impl Fn(&str) -> Option<String>) -> Result<TaskId> {
    let set = first_set(&RUN_IDS, variable);
    set.as_deref().unwrap_or(LOCAL).parse()
}

fn first_set(names: &[&str], variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    names
        .iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_run_id_of_the_ci_is_the_task() {
        let task = |set: &'static [(&str, &str)]| {
            let find = |name: &str| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            default_task(find).unwrap().to_string()
        };
        assert_eq!(task(&[]), "local");
        assert_eq!(task(&[("GITHUB_RUN_ID", "77")]), "77");
        assert_eq!(task(&[("GITHUB_RUN_ID", ""), ("CI_PIPELINE_ID", "5")]), "5");
        assert_eq!(
            task(&[("GITHUB_RUN_ID", "77"), ("ARTIFACT_TASK", "mine")]),
            "mine"
        );
    }

    #[test]
    fn whoever_the_ci_runs_for_comes_before_the_user_of_the_system() {
        let user = |set: &'static [(&str, &str)]| {
            first_set(&USERS, |name| {
                set.iter()
                    .find(|(key, _)| *key == name)
                    .map(|(_, value)| (*value).to_owned())
            })
        };
        assert_eq!(user(&[]), None);
        assert_eq!(user(&[("LOGNAME", "ann")]).as_deref(), Some("ann"));
        let ci = user(&[("USER", "runner"), ("GITHUB_ACTOR", "bob")]);
        assert_eq!(ci.as_deref(), Some("bob"));
    }

    #[test]
    fn the_spec_falls_back_to_default() {
        assert_eq!(default_spec(|_| None).unwrap().as_str(), "default");
        assert_eq!(
            default_spec(|_| Some("web".to_owned())).unwrap().as_str(),
            "web"
        );
        assert!(default_spec(|_| Some("..".to_owned())).is_err());
    }
}

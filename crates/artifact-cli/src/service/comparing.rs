//! What has changed between two tasks, from either place, told as documents. Prints nothing.

use artifact_api::{CompareItem, CompareVerdict};
use artifact_app::{Breach, CompareRequest, FailOn, view};
use artifact_domain::Result;
use artifact_reports::SlowerRule;

use super::rules::Each;
use super::upkeep::tell;
use super::{Local, Remote, Service};

/// What to compare, and what must not be.
#[derive(Debug)]
pub(crate) struct Comparing {
    pub(crate) request: CompareRequest,
    pub(crate) conditions: Vec<FailOn>,
    pub(crate) rule: SlowerRule,
}

impl Service {
    /// Compares two tasks, and tells of everything that it shows.
    pub(crate) async fn compare(
        &self,
        comparing: Comparing,
        told: impl FnMut(CompareItem) + Send,
    ) -> Result<()> {
        match self {
            Self::Local(local) => local.compare(comparing, told).await,
            Self::Remote(remote) => remote.compare(comparing, told).await,
        }
    }
}

impl Local {
    async fn compare(
        &self,
        comparing: Comparing,
        mut told: impl FnMut(CompareItem) + Send,
    ) -> Result<()> {
        let (request, rule) = (comparing.request, comparing.rule);
        let observe = |item| told(view::compare::item(&item));
        let compared = self.store.compare(request, observe).await?;
        let judge = |condition: FailOn| {
            let why = condition.judge(&compared, rule)?;
            Some(Breach { condition, why })
        };
        let breaches: Vec<_> = comparing.conditions.into_iter().filter_map(judge).collect();
        let shown = view::compare::Shown {
            compared: &compared,
            breaches: &breaches,
            rule,
        };
        view::compare::finish(shown, told);
        Ok(())
    }
}

impl Remote {
    async fn compare(
        &self,
        comparing: Comparing,
        told: impl FnMut(CompareItem) + Send,
    ) -> Result<()> {
        let mut pairs = Vec::new();
        let mut add = |key: &str, value: String| pairs.push((key.to_owned(), value));
        let CompareRequest {
            baseline,
            current,
            types,
            name,
            allow_fewer_reports,
        } = comparing.request;
        add("baseline", baseline.task.to_string());
        add("baseline_spec", baseline.spec.to_string());
        add("current", current.task.to_string());
        add("spec", current.spec.to_string());
        for artifact_type in &types {
            add("type", artifact_type.to_string());
        }
        if let Some(name) = name {
            add("name", name.to_string());
        }
        for condition in &comparing.conditions {
            add("fail_on", condition.to_string());
        }
        add("slower_factor", comparing.rule.factor.to_string());
        add("slower_min", comparing.rule.seconds.to_string());
        if allow_fewer_reports {
            add("allow_fewer_reports", "true".to_owned());
        }
        let lines = self.client.read_lines("/compare", &pairs, None).await?;
        // What it comes to is told by the items too.
        let _: CompareVerdict = tell(lines, &mut Each(told)).await?;
        Ok(())
    }
}

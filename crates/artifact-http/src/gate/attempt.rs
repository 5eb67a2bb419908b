//! An attempt as it is written down: who wanted to do what to what, and how it ended.

use std::sync::{Arc, OnceLock};

use artifact_bootstrap::Audit;
use artifact_domain::access::{Action, AuditEntry, Outcome, Principal, Target};
use artifact_domain::port::AuditLog;
use artifact_domain::{ArtifactId, Coordinate};
use axum::extract::{RawPathParams, Request};
use http::StatusCode;

use super::Guard;
use crate::client::ClientAddress;
use crate::observe::{self, RequestId};

/// To what something is to be done, once a route has said it.
pub(super) type Said = Arc<OnceLock<String>>;

/// An attempt, written down when it ends, and also where its client goes away before.
#[derive(Debug)]
pub(super) struct Attempt(Option<Begun>);

#[derive(Debug)]
struct Begun {
    guard: Guard,
    audit: Audit,
    who: Option<String>,
    from: Option<String>,
    request: String,
    request_id: String,
    target: Said,
    /// What the path names, for where no route comes to say it.
    named: Option<String>,
}

impl Attempt {
    /// One that begins; nothing is written down of it where nobody wants that.
    pub(super) fn begin(
        guard: &Guard,
        path: &str,
        params: Option<&RawPathParams>,
        request: &Request,
    ) -> Self {
        let audit = guard.app.doors().audit();
        Self(audit.map(|audit| {
            let extensions = request.extensions();
            let from = extensions.get::<ClientAddress>();
            let id = extensions.get::<RequestId>();
            Begun {
                guard: guard.clone(),
                audit: audit.clone(),
                who: None,
                from: from.map(ToString::to_string),
                request: format!("{} {path}", request.method()),
                request_id: id.map(|id| id.0.to_string()).unwrap_or_default(),
                target: Said::default(),
                named: params.and_then(|params| named(params.iter())),
            }
        }))
    }

    /// Who it is.
    pub(super) fn is_of(&mut self, who: &Principal) {
        if let Some(begun) = &mut self.0 {
            begun.who = Some(who.name().to_owned());
        }
    }

    /// Where a route says to what it is done, if anybody wants to know.
    pub(super) fn target(&self) -> Option<Said> {
        self.0.as_ref().map(|begun| Arc::clone(&begun.target))
    }

    /// Writes down how it has ended.
    pub(super) async fn end(mut self, status: StatusCode) {
        if let Some((log, entry)) = self.entry(status) {
            append(&*log, entry).await;
        }
    }

    fn entry(&mut self, status: StatusCode) -> Option<(Arc<dyn AuditLog>, AuditEntry)> {
        let begun = self.0.take()?;
        let outcome = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused,
            status if status.is_client_error() || status.is_server_error() => Outcome::Failed,
            _ => Outcome::Done,
        };
        let is_read = begun.guard.action == Action::Read && outcome != Outcome::Refused;
        if is_read && !begun.audit.reads {
            return None;
        }
        let entry = AuditEntry {
            time: begun.guard.app.own_store().now(),
            who: begun.who,
            from: begun.from,
            action: begun.guard.action,
            request: begun.request,
            target: begun.target.get().cloned().or(begun.named),
            outcome,
            status: status.as_u16(),
            request_id: begun.request_id,
        };
        Some((begun.audit.log, entry))
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some((log, entry)) = self.entry(observe::given_up()) else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { append(&*log, entry).await });
        }
    }
}

/// What the parameters of a path name, if it can be named at all. Nothing is looked up: whoever asked may
/// be anybody.
fn named<'a>(params: impl Iterator<Item = (&'a str, &'a str)>) -> Option<String> {
    let (mut spec, mut task, mut kind, mut name) = (None, None, None, None);
    for (key, value) in params {
        match key {
            "spec" => spec = Some(value.parse().ok()?),
            "task" => task = Some(value.parse().ok()?),
            "type" => kind = Some(value.parse().ok()?),
            "name" => name = Some(value.parse().ok()?),
            "id" => return Some(value.parse::<ArtifactId>().ok()?.to_string()),
            _ => {}
        }
    }
    let spec = spec?;
    let at = match (kind, name, task) {
        (Some(kind), Some(name), Some(task)) => Coordinate::new(spec, task, kind, name).ok()?,
        (_, _, Some(task)) => return Some(Target::Task(&spec, &task).to_string()),
        (_, _, None) => return Some(Target::Spec(&spec).to_string()),
    };
    Some(Target::Artifact(&at).to_string())
}

/// What was done is done, so where it cannot be written down that is only said in the log, which has the
/// request too.
async fn append(log: &dyn AuditLog, entry: AuditEntry) {
    let id = entry.request_id.clone();
    if let Err(error) = log.append(entry).await {
        tracing::error!(request.id = %id, error = %error, "the audit log could not be written");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_what_can_be_named_and_nothing_else() {
        let id = "018bcfe5-6800-7101-8101-010101010101";
        let of = |params: &[(&'static str, &'static str)]| named(params.iter().copied());
        let spec = ("spec", "team");
        let (task, kind) = (("task", "1"), ("type", "log"));
        let cases: [(&[_], _); 9] = [
            (&[], None),
            (&[("id", id)], Some(id)),
            (&[("id", "018bcfe5")], None),
            (&[spec], Some("all tasks of spec team")),
            (&[spec, task], Some("task 1 of spec team")),
            (
                &[spec, task, kind, ("name", "a b")],
                Some("artifact://team/1/log/a%20b"),
            ),
            (&[spec, task, kind, ("name", "../b")], None),
            (&[spec, task, kind, ("name", "a\nb")], None),
            (&[("spec", ""), task, kind, ("name", "b")], None),
        ];
        for (params, expected) in cases {
            assert_eq!(of(params).as_deref(), expected, "{params:?}");
        }
    }
}

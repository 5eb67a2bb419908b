//! An attempt as it is written down: who wanted to do what to what, and how it ended.

use artifact_bootstrap::Audit;
use artifact_domain::access::{Action, AuditEntry, Outcome, Principal, Target};
use artifact_domain::port::AuditLog;
use artifact_domain::{ArtifactId, Coordinate};
use axum::extract::{RawPathParams, Request};
use http::StatusCode;

use super::Guard;
use super::said::{Ended, Said};
use crate::client::ClientAddress;
use crate::observe::{self, RequestId};

/// How much of a request is written down, in bytes: a method, and more path than any artifact has that is
/// not made up of signs that have to be encoded.
const LONGEST_REQUEST: usize = 2_048;

/// What is said of an attempt.
pub(super) type Notes = Said<Begun>;

/// An attempt, written down when it ends, and also where its client goes away before.
#[derive(Debug, Default)]
pub(super) struct Attempt(Option<(Begun, Notes)>);

/// What is known of an attempt when it begins.
#[derive(Debug)]
pub(super) struct Begun {
    guard: Guard,
    audit: Audit,
    who: Option<String>,
    from: Option<String>,
    request: String,
    request_id: String,
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
            let begun = Begun {
                guard: guard.clone(),
                audit: audit.clone(),
                who: None,
                from: from.map(ToString::to_string),
                request: cut(format!("{} {path}", request.method())),
                request_id: id.map(|id| id.0.to_string()).unwrap_or_default(),
                named: params.and_then(|params| named(params.iter())),
            };
            (begun, Notes::new(guard.action))
        }))
    }

    /// Who it is.
    pub(super) fn is_of(&mut self, who: &Principal) {
        if let Some((begun, _)) = &mut self.0 {
            begun.who = Some(who.name().to_owned());
        }
    }

    /// Where it is said to what it is done, if anybody wants to know.
    pub(super) fn notes(&self) -> Option<Notes> {
        self.0.as_ref().map(|(_, notes)| notes.clone())
    }

    /// Writes down how it has ended. Where its work goes on, that writes it down at its own end.
    pub(super) async fn end(mut self, status: StatusCode) {
        if let Some((begun, ended)) = self.ended(status) {
            let app = begun.guard.app.clone();
            // Whoever goes away now takes no entry with him. A panic has told of itself.
            let _ = app.go_on(write_down(begun, ended)).await;
        }
    }

    /// Writes nothing down: it was not begun, and there may be any number of them.
    pub(super) fn forget(mut self) {
        self.0 = None;
    }

    fn ended(&mut self, status: StatusCode) -> Option<(Begun, Ended)> {
        let (begun, notes) = self.0.take()?;
        notes.answered(begun, status)
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if let Some((begun, ended)) = self.ended(observe::given_up()) {
            write_down_later(begun, ended);
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

/// The beginning of what is longer than anything that is asked for here.
fn cut(mut request: String) -> String {
    if request.len() > LONGEST_REQUEST {
        request.truncate(request.floor_char_boundary(LONGEST_REQUEST));
        request.push('…');
    }
    request
}

/// Writes down how an attempt has ended, to each of its targets.
pub(super) async fn write_down(begun: Begun, ended: Ended) {
    let log = &begun.audit.log;
    for (target, outcome, status) in ended.items {
        let is_read = ended.action == Action::Read && outcome != Outcome::Refused;
        if is_read && !begun.audit.reads {
            continue;
        }
        let entry = AuditEntry {
            time: begun.guard.app.own_store().now(),
            who: begun.who.clone(),
            from: begun.from.clone(),
            action: ended.action,
            request: begun.request.clone(),
            target: target.or_else(|| begun.named.clone()),
            outcome,
            status: status.as_u16(),
            request_id: begun.request_id.clone(),
        };
        append(&**log, entry).await;
    }
}

/// The same from where nothing can be waited for.
pub(super) fn write_down_later(begun: Begun, ended: Ended) {
    if tokio::runtime::Handle::try_current().is_ok() {
        let app = begun.guard.app.clone();
        drop(app.go_on(write_down(begun, ended)));
    }
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

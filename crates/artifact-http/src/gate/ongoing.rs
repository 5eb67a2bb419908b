//! What a request is to the work that it has begun, and that goes on when its client has gone: a place among
//! those that are worked on, and an attempt that is written down when the work ends.

use std::future::Future;

use axum::extract::Request;
use http::StatusCode;

use super::attempt::{self, Attempt, Notes};
use crate::observe::Place;

tokio::task_local! {
    /// That of the request which the task answers.
    static CURRENT: Ongoing;
}

/// What goes on of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ongoing {
    /// Held as long as any of its work goes on.
    _place: Option<Place>,
    notes: Option<Notes>,
}

/// Work that has begun, until its end.
#[derive(Debug)]
pub(crate) struct Work(Option<Ongoing>);

impl Ongoing {
    pub(super) fn of(request: &Request, attempt: &Attempt) -> Self {
        Self {
            _place: request.extensions().get().cloned(),
            notes: attempt.notes(),
        }
    }

    /// That of the request which the calling task answers; of none where it answers none.
    fn current() -> Self {
        CURRENT.try_with(Clone::clone).unwrap_or_default()
    }

    /// Answers a request.
    pub(super) async fn answer<T>(self, answer: impl Future<Output = T>) -> T {
        CURRENT.scope(self, answer).await
    }
}

impl Work {
    /// Work for the request which the calling task answers.
    pub(crate) fn begin() -> Self {
        let ongoing = Ongoing::current();
        if let Some(notes) = &ongoing.notes {
            notes.work_begins();
        }
        Self(Some(ongoing))
    }

    /// How many of what it was done to, of a selection.
    pub(crate) fn sums(&self, sums: String) {
        let notes = self.0.as_ref().and_then(|ongoing| ongoing.notes.as_ref());
        if let Some(notes) = notes {
            notes.sums(sums);
        }
    }

    /// Its end: well, or by a fault. The attempt is written down now, if the request is over.
    pub(crate) async fn end(mut self, fault: Option<StatusCode>) {
        let notes = self.0.take().and_then(|ongoing| ongoing.notes);
        if let Some((begun, ended)) = notes.and_then(|notes| notes.work_ends(fault)) {
            attempt::write_down(begun, ended).await;
        }
    }
}

impl Drop for Work {
    /// It was cut off.
    fn drop(&mut self) {
        let notes = self.0.take().and_then(|ongoing| ongoing.notes);
        let fault = Some(StatusCode::INTERNAL_SERVER_ERROR);
        if let Some((begun, ended)) = notes.and_then(|notes| notes.work_ends(fault)) {
            attempt::write_down_later(begun, ended);
        }
    }
}

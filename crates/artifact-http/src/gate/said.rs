//! What is said of an attempt while it is made: to what it is done, by which right, and how that ended.
//! The request says it, and so does the work that goes on when its client has gone. Knows no log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use artifact_domain::access::{Action, Outcome};
use http::StatusCode;

/// How many targets of one attempt are written down one by one.
const MOST: usize = 256;

/// What a selection is called, to which more is added once it is known how many there were.
const SELECTION: &str = "a selection";

/// What is said of an attempt. Cloning it is cheap and gives the same.
#[derive(Debug)]
pub(super) struct Said<W>(Arc<Mutex<Told<W>>>);

#[derive(Debug)]
struct Told<W> {
    action: Action,
    items: Vec<Item>,
    /// How many there were beside them.
    left_out: usize,
    /// How many there were of what, in a selection.
    sums: Option<String>,
    /// How much work goes on.
    under_way: usize,
    /// Whether work has ended, and by which fault.
    has_ended: bool,
    fault: Option<StatusCode>,
    /// What is to be written down when the work has ended, since the request is over, and how that ended.
    waiting: Option<(W, StatusCode)>,
}

#[derive(Debug, Clone)]
struct Item {
    target: String,
    /// How it ended for this one, where that is another end than that of the whole.
    fault: Option<StatusCode>,
}

/// How an attempt has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) action: Action,
    /// To what, and how: at least one.
    pub(super) items: Vec<(Option<String>, Outcome, StatusCode)>,
}

impl<W> Clone for Said<W> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<W> Said<W> {
    /// What is said of an attempt to do `action`.
    pub(super) fn new(action: Action) -> Self {
        Self(Arc::new(Mutex::new(Told {
            action,
            items: Vec::new(),
            left_out: 0,
            sums: None,
            under_way: 0,
            has_ended: false,
            fault: None,
            waiting: None,
        })))
    }

    fn told(&self) -> MutexGuard<'_, Told<W>> {
        // It is whole after every change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Another right is asked for: the strongest is what was wanted.
    pub(super) fn asks(&self, action: Action) {
        let mut told = self.told();
        told.action = told.action.max(action);
    }

    /// Begins one of many. Its place is none where they are too many, and only counted.
    pub(super) fn item(&self, target: String) -> usize {
        let mut told = self.told();
        if told.items.len() >= MOST {
            told.left_out += 1;
            return usize::MAX;
        }
        let fault = None;
        told.items.push(Item { target, fault });
        told.items.len() - 1
    }

    /// Says to what it is done: the one of many at `place`, or the whole.
    pub(super) fn target(&self, place: Option<usize>, target: String) -> usize {
        if let Some(place) = place {
            if let Some(item) = self.told().items.get_mut(place) {
                item.target = target;
            }
            return place;
        }
        let told = self.told();
        let known = told.items.iter().position(|item| item.target == target);
        drop(told);
        known.unwrap_or_else(|| self.item(target))
    }

    /// That it is done to a selection.
    pub(super) fn selection(&self) {
        self.target(None, SELECTION.to_owned());
    }

    /// How many there were of what in the selection.
    pub(super) fn sums(&self, sums: String) {
        self.told().sums = Some(sums);
    }

    /// How it ended for one of many. A refusal stays one.
    pub(super) fn fault(&self, place: usize, status: StatusCode) {
        if let Some(item) = self.told().items.get_mut(place) {
            item.fault.get_or_insert(status);
        }
    }

    /// Work begins that goes on whatever becomes of the request.
    pub(super) fn work_begins(&self) {
        self.told().under_way += 1;
    }

    /// Work has ended, by a fault or well. Gives what is to be written down now.
    pub(super) fn work_ends(&self, fault: Option<StatusCode>) -> Option<(W, Ended)> {
        let mut told = self.told();
        told.under_way = told.under_way.saturating_sub(1);
        told.has_ended = true;
        told.fault = told.fault.or(fault);
        if told.under_way > 0 {
            return None;
        }
        let (what, answered) = told.waiting.take()?;
        Some((what, told.end(answered)))
    }

    /// The request is over. Gives what is to be written down now; nothing where work goes on, whose end
    /// it waits for.
    pub(super) fn answered(&self, what: W, status: StatusCode) -> Option<(W, Ended)> {
        let mut told = self.told();
        if told.under_way > 0 {
            told.waiting = Some((what, status));
            return None;
        }
        Some((what, told.end(status)))
    }
}

impl<W> Told<W> {
    fn end(&mut self, answered: StatusCode) -> Ended {
        let is_given_up = answered == crate::observe::given_up();
        let fault = self.fault;
        let (outcome, status) = match fault {
            None if is_given_up && self.has_ended => (Outcome::Done, answered),
            Some(fault) if is_given_up => (outcome(fault), answered),
            _ if answered.is_client_error() || answered.is_server_error() => {
                (outcome(answered), answered)
            }
            _ => {
                let status = fault.unwrap_or(answered);
                (outcome(status), status)
            }
        };
        let is_well = outcome == Outcome::Done;
        let of_item = |item: Item| {
            let target = match &self.sums {
                Some(sums) if item.target == SELECTION => format!("{SELECTION}: {sums}"),
                _ => item.target,
            };
            match item.fault {
                Some(fault) if is_well => (Some(target), self::outcome(fault), fault),
                Some(fault) if self::outcome(fault) == Outcome::Refused => {
                    (Some(target), Outcome::Refused, status)
                }
                _ => (Some(target), outcome, status),
            }
        };
        let mut items: Vec<_> = self.items.iter().cloned().map(of_item).collect();
        if self.left_out > 0 {
            items.push((Some(format!("{} more", self.left_out)), outcome, status));
        }
        if items.is_empty() {
            items.push((None, outcome, status));
        }
        Ended {
            action: self.action,
            items,
        }
    }
}

fn outcome(status: StatusCode) -> Outcome {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Outcome::Refused,
        status if status.is_client_error() || status.is_server_error() => Outcome::Failed,
        _ => Outcome::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: u16 = 499;

    fn status(number: u16) -> StatusCode {
        StatusCode::from_u16(number).unwrap()
    }

    fn shown(((), ended): ((), Ended)) -> Vec<(String, Outcome, u16)> {
        let items = ended.items.into_iter();
        let shown =
            items.map(|(to, outcome, status)| (to.unwrap_or_default(), outcome, status.as_u16()));
        shown.collect()
    }

    #[test]
    fn what_goes_on_is_written_down_when_it_ends() {
        for (answered, fault, expected) in [
            (200, None, (Outcome::Done, 200)),
            (GONE, None, (Outcome::Done, GONE)),
            (GONE, Some(409), (Outcome::Failed, GONE)),
            (200, Some(503), (Outcome::Failed, 503)),
            (200, Some(403), (Outcome::Refused, 403)),
            (404, Some(503), (Outcome::Failed, 404)),
        ] {
            let said = Said::new(Action::Write);
            said.target(None, "it".to_owned());
            said.work_begins();
            assert!(said.answered((), status(answered)).is_none());
            let ended = said.work_ends(fault.map(status)).unwrap();
            let (outcome, status) = expected;
            assert_eq!(shown(ended), [("it".to_owned(), outcome, status)]);
        }
        // Nothing was begun.
        let said = Said::new(Action::Write);
        let ended = said.answered((), status(GONE)).unwrap();
        assert_eq!(shown(ended), [(String::new(), Outcome::Failed, GONE)]);
    }

    #[test]
    fn each_of_many_has_its_own_end() {
        let said = Said::new(Action::Write);
        let places = ["a", "b", "c"].map(|name| said.item(name.to_owned()));
        said.target(Some(places[1]), "B".to_owned());
        said.fault(places[1], status(403));
        said.fault(places[1], status(404));
        said.fault(places[2], status(404));
        said.asks(Action::Delete);
        said.asks(Action::Read);
        let (what, ended) = said.answered((), status(200)).unwrap();
        assert_eq!(ended.action, Action::Delete);
        assert_eq!(
            shown((what, ended)),
            [
                ("a".to_owned(), Outcome::Done, 200),
                ("B".to_owned(), Outcome::Refused, 403),
                ("c".to_owned(), Outcome::Failed, 404),
            ]
        );
    }

    #[test]
    fn too_many_are_counted() {
        let said = Said::new(Action::Write);
        for number in 0..MOST + 7 {
            said.item(number.to_string());
        }
        let ended = shown(said.answered((), status(200)).unwrap());
        assert_eq!(ended.len(), MOST + 1);
        assert_eq!(ended[MOST].0, "7 more");
        let said = Said::new(Action::Write);
        said.selection();
        said.sums("changed 3".to_owned());
        let ended = shown(said.answered((), status(200)).unwrap());
        assert_eq!(ended[0].0, "a selection: changed 3");
    }
}

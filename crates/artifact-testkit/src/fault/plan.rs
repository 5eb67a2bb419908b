//! Which call of which operation meets which fault.

use std::sync::{Mutex, PoisonError};

/// Which calls of an operation meet a fault, counted from when it was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// The first call from now on, and no other.
    Next,
    /// The `n`th call from now on, and no other; 1 is the next.
    Nth(u32),
    /// Every call, until the faults are cleared.
    Always,
}

#[derive(Debug)]
struct Planned<Op, Fault> {
    operation: Op,
    fault: Fault,
    /// How many calls are still spared; every call is met where there is none.
    countdown: Option<u32>,
}

/// All faults that are set up.
#[derive(Debug)]
pub(super) struct Plan<Op, Fault>(Mutex<Vec<Planned<Op, Fault>>>);

impl<Op, Fault> Default for Plan<Op, Fault> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Op: PartialEq, Fault: Clone> Plan<Op, Fault> {
    pub(super) fn set_up(&self, operation: Op, when: When, fault: Fault) {
        let countdown = match when {
            When::Next => Some(0),
            When::Nth(nth) => Some(nth.checked_sub(1).expect("calls are counted from 1")),
            When::Always => None,
        };
        self.locked(|planned| {
            planned.push(Planned {
                operation,
                fault,
                countdown,
            });
        });
    }

    pub(super) fn clear(&self) {
        self.locked(Vec::clear);
    }

    pub(super) fn pending(&self) -> usize {
        self.locked(|planned| planned.len())
    }

    /// Counts a call, and gives the faults that it meets, in the order they were set up.
    pub(super) fn meet(&self, operation: &Op) -> Vec<Fault> {
        self.locked(|planned| {
            let mut met = Vec::new();
            planned.retain_mut(|planned| {
                if planned.operation != *operation {
                    return true;
                }
                match &mut planned.countdown {
                    None => met.push(planned.fault.clone()),
                    Some(0) => {
                        met.push(planned.fault.clone());
                        return false;
                    }
                    Some(calls) => *calls -= 1,
                }
                true
            });
            met
        })
    }

    fn locked<T>(&self, act: impl FnOnce(&mut Vec<Planned<Op, Fault>>) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_by_operation_from_when_a_fault_is_set_up() {
        let plan = Plan::default();
        assert_eq!(plan.meet(&"put"), [""; 0]);
        plan.set_up("put", When::Nth(2), "second");
        plan.set_up("put", When::Next, "first");
        plan.set_up("get", When::Always, "always");
        assert_eq!(plan.pending(), 3);
        assert_eq!(plan.meet(&"put"), ["first"]);
        assert_eq!(plan.meet(&"get"), ["always"]);
        assert_eq!(plan.meet(&"put"), ["second"]);
        assert_eq!(plan.meet(&"put"), [""; 0]);
        assert_eq!(plan.meet(&"get"), ["always"]);
        plan.clear();
        assert_eq!((plan.meet(&"get"), plan.pending()), (vec![], 0));
    }
}

//! Each condition alone, and all together.

use artifact_domain::access::{Action, AuditEntry, AuditFilter, Outcome};
use artifact_domain::port::AuditLog;

use super::entry;
use crate::{Subject, sample};

type Change = fn(&mut AuditFilter);

/// Every condition leaves out what it is about, and together they leave what fits all.
pub async fn every_condition_must_hold(log: Subject<dyn AuditLog>) {
    let fits = entry(10);
    let others = [
        AuditEntry {
            who: Some("token other (1123456789abcdef)".to_owned()),
            ..entry(11)
        },
        AuditEntry {
            who: None,
            ..entry(12)
        },
        AuditEntry {
            target: Some("artifact://t/1/log/a.log".to_owned()),
            ..entry(13)
        },
        AuditEntry {
            target: None,
            ..entry(14)
        },
        AuditEntry {
            action: Action::Read,
            ..entry(15)
        },
        AuditEntry {
            outcome: Outcome::Failed,
            ..entry(16)
        },
        entry(9),
        entry(20),
    ];
    log.append(fits.clone()).await.unwrap();
    for other in others {
        log.append(other).await.unwrap();
    }
    let changes: [(Change, usize); 7] = [
        (|f| f.who = Some("token ci (*".parse().unwrap()), 7),
        (|f| f.target = Some("artifact://s/*".parse().unwrap()), 7),
        (|f| f.actions = vec![Action::Write, Action::Admin], 8),
        (|f| f.outcomes = vec![Outcome::Done], 8),
        (|f| f.after = Some(sample::at(10)), 8),
        (|f| f.before = Some(sample::at(20)), 8),
        (|f| f.limit = 5, 5),
    ];
    let mut all = AuditFilter::last(100);
    for (change, count) in changes {
        let mut filter = AuditFilter::last(100);
        change(&mut filter);
        let found = log.query(filter.clone()).await.unwrap();
        assert_eq!(found.len(), count, "{filter:?}");
        change(&mut all);
    }
    assert_eq!(log.query(all).await.unwrap(), [fits]);
}

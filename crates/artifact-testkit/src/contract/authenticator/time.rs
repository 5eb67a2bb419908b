//! When a credential is accepted. The time is the one that is asked with, not that of the machine.

use std::time::Duration;

use artifact_domain::ErrorKind;

use super::{Registry, Wanted, reader};
use crate::contract::failure;
use crate::{Subject, sample};

const MOMENT: Duration = Duration::from_micros(1);
const HOUR: Duration = Duration::from_hours(1);

/// To the microsecond.
pub async fn a_credential_is_accepted_until_its_end_and_not_at_it(registry: Subject<Registry>) {
    let [issued] = registry.issue([reader()]).await;
    let end = sample::now().saturating_add(HOUR);
    assert!(
        registry
            .bearer_at(&issued, end.saturating_sub(MOMENT))
            .await
            .is_some()
    );
    let found = registry.authenticator.authenticate(&issued, end);
    assert_eq!(failure(found.await).kind(), ErrorKind::Unauthenticated);
}

/// Later times, and one before it for comparison.
pub async fn what_has_expired_stays_expired(registry: Subject<Registry>) {
    let [issued] = registry.issue([reader()]).await;
    let end = sample::now().saturating_add(HOUR);
    for hours in [0, 1, 24, 24 * 365, 24 * 365 * 1_000] {
        let now = end.saturating_add(HOUR * hours);
        let found = registry.authenticator.authenticate(&issued, now);
        assert_eq!(failure(found.await).kind(), ErrorKind::Unauthenticated);
    }
    assert!(registry.bearer(&issued).await.is_some());
}

/// Where there are beginnings, a credential is accepted from its beginning on; where there are none, at
/// once.
pub async fn what_is_not_valid_yet_is_refused_until_it_is(registry: Subject<Registry>) {
    let begin = sample::now().saturating_add(HOUR);
    let later = Wanted {
        grants: reader(),
        begin,
        end: begin.saturating_add(HOUR),
    };
    let issued = registry.office.issue(vec![later]).await.remove(0);
    let before = begin.saturating_sub(MOMENT);
    if registry.has_beginnings {
        let found = registry.authenticator.authenticate(&issued, before);
        assert_eq!(failure(found.await).kind(), ErrorKind::Unauthenticated);
    } else {
        assert!(registry.bearer_at(&issued, before).await.is_some());
    }
    assert!(registry.bearer_at(&issued, begin).await.is_some());
}

//! Making a call again that failed for a passing reason. Knows nothing of what the call does; it
//! must be one that can be repeated.

use std::time::Duration;

use artifact_domain::Result;

use crate::Store;

const FIRST_WAIT: Duration = Duration::from_millis(100);

impl Store {
    /// Makes `call` until it succeeds, fails for good, or the retries are used up. The waits
    /// between grow exponentially from 0.1 s, each shortened by up to a half at random.
    pub(crate) async fn retrying<T, Call: Future<Output = Result<T>>>(
        &self,
        what: &'static str,
        mut call: impl FnMut() -> Call,
    ) -> Result<T> {
        let mut attempt = 1;
        loop {
            match call().await {
                Err(error) if error.is_transient() && attempt <= self.options.retries => {
                    let wait = backoff(attempt);
                    tracing::info!(what, attempt, wait_ms = wait.as_millis(), cause = %error, "retrying");
                    tokio::time::sleep(wait).await;
                    attempt += 1;
                }
                result => return result,
            }
        }
    }
}

fn backoff(attempt: u32) -> Duration {
    jittered(FIRST_WAIT.saturating_mul(1 << (attempt - 1).min(10)))
}

/// `full`, shortened by up to a half at random.
pub(crate) fn jittered(full: Duration) -> Duration {
    let mut random = [0; 1];
    // Without random bytes there is no jitter, which harms nobody.
    let _ = getrandom::fill(&mut random);
    full.mul_f64(1.0 - f64::from(random[0]) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_are_shortened_by_less_than_a_half() {
        for (attempt, full_ms) in [(1, 100), (2, 200), (3, 400)] {
            let full = Duration::from_millis(full_ms);
            for _ in 0..50 {
                let wait = backoff(attempt);
                assert!(wait <= full && wait > full / 2, "{wait:?} of {full:?}");
            }
        }
        assert!(backoff(u32::MAX) <= FIRST_WAIT * 1024);
    }
}

//! How long to wait before something is tried once more. Knows not what.

use std::time::Duration;

/// How often something is tried again.
pub(crate) const RETRIES: u32 = 3;

/// How often a transfer is tried again that was begun: for about a minute, in which a server starts anew.
const PATIENT_RETRIES: u32 = 11;

/// The first pause; each next one is twice as long, up to the longest.
const FIRST: Duration = Duration::from_millis(500);
const LONGEST_USUAL: Duration = Duration::from_secs(8);

/// The longest that a server's own wish is followed.
const LONGEST: Duration = Duration::from_mins(1);

/// The tries of one thing.
#[derive(Debug)]
pub(crate) struct Backoff {
    tried: u32,
    retries: u32,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            tried: 0,
            retries: RETRIES,
        }
    }
}

impl Backoff {
    /// Those of a transfer that was begun.
    pub(crate) fn patient() -> Self {
        Self {
            tried: 0,
            retries: PATIENT_RETRIES,
        }
    }

    /// Waits before the next try: as long as the server `wishes`, or else for a time that grows and
    /// is random in its second half. False if there is none.
    pub(crate) async fn pause(&mut self, wishes: Option<Duration>) -> bool {
        if self.tried >= self.retries {
            return false;
        }
        let random = wishes.is_none().then(fraction).unwrap_or_default();
        tokio::time::sleep(wait(self.tried, wishes, random)).await;
        self.tried += 1;
        true
    }

    /// Something has come through: what fails now fails for the first time, and much is lost where nobody
    /// waits.
    pub(crate) fn go_on(&mut self) {
        *self = Self::patient();
    }
}

fn wait(tried: u32, wishes: Option<Duration>, random: f64) -> Duration {
    let usual = LONGEST_USUAL.min(FIRST * 2_u32.saturating_pow(tried));
    wishes.map_or(usual / 2 + (usual / 2).mul_f64(random), |wish| {
        wish.min(LONGEST)
    })
}

/// A number from 0 to 1. Where there is no randomness, pauses are all the same.
fn fraction() -> f64 {
    let random = getrandom::u32().unwrap_or(u32::MAX);
    f64::from(random) / f64::from(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_differ() {
        let pauses = [0, 1, 2].map(|tried| (wait(tried, None, 0.0), wait(tried, None, 1.0)));
        let ms = Duration::from_millis;
        let expected = [
            (ms(250), ms(500)),
            (ms(500), ms(1000)),
            (ms(1000), ms(2000)),
        ];
        assert_eq!(pauses, expected);
    }

    #[test]
    fn a_server_says_when_to_come_again_within_reason() {
        let wish = |seconds| wait(0, Some(Duration::from_secs(seconds)), 0.5);
        assert_eq!(wish(2), Duration::from_secs(2));
        assert_eq!(wish(86_400), LONGEST);
    }

    #[tokio::test(start_paused = true)]
    async fn three_tries_more_and_no_others() {
        let mut backoff = Backoff::default();
        let mut count = 0;
        while backoff.pause(None).await {
            count += 1;
        }
        assert_eq!(count, RETRIES);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_begun_is_tried_for_about_a_minute() {
        for _ in 0..100 {
            let mut backoff = Backoff::default();
            backoff.go_on();
            let began = tokio::time::Instant::now();
            while backoff.pause(None).await {}
            let seconds = began.elapsed().as_secs();
            assert!((35..=75).contains(&seconds), "{seconds}");
        }
    }
}

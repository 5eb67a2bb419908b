//! Values by pattern of the task, and which of several patterns counts. Must not know what the
//! values mean.

use std::cmp::Reverse;

use crate::TaskId;
use crate::query::Glob;

/// Values by pattern of the task, the most specific pattern first: the longest, and of those of
/// one length the first by the alphabet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskPatterns<T>(Vec<(Glob, T)>);

impl<T> Default for TaskPatterns<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> TaskPatterns<T> {
    /// All of them, the most specific first.
    pub fn iter(&self) -> impl Iterator<Item = (&Glob, &T)> {
        self.0.iter().map(|(pattern, value)| (pattern, value))
    }

    /// The most specific one that a task matches.
    pub fn most_specific(&self, task: &TaskId) -> Option<(&Glob, &T)> {
        self.iter()
            .find(|(pattern, _)| pattern.matches(task.as_str()))
    }
}

impl<T> FromIterator<(Glob, T)> for TaskPatterns<T> {
    /// In any order; of two values of one pattern the first counts.
    fn from_iter<I: IntoIterator<Item = (Glob, T)>>(pairs: I) -> Self {
        let mut all: Vec<_> = pairs.into_iter().collect();
        all.sort_by_cached_key(|(pattern, _)| {
            let text = pattern.as_str().to_owned();
            (Reverse(text.len()), text)
        });
        all.dedup_by(|later, earlier| later.0 == earlier.0);
        Self(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_pattern_counts_then_the_alphabet() {
        let patterns: TaskPatterns<u32> = [("*", 1), ("b*", 2), ("a*", 3), ("build-*", 4)]
            .into_iter()
            .map(|(pattern, value)| (pattern.parse().unwrap(), value))
            .collect();
        let of = |task: &str| {
            let task = TaskId::new(task).unwrap();
            patterns.most_specific(&task).map(|(_, value)| *value)
        };
        assert_eq!(of("build-7"), Some(4));
        assert_eq!(of("bug"), Some(2));
        assert_eq!(of("x"), Some(1));
        let order: Vec<_> = patterns.iter().map(|(_, value)| *value).collect();
        assert_eq!(order, [4, 3, 2, 1]);
        assert_eq!(
            TaskPatterns::<u32>::default().most_specific(&TaskId::new("x").unwrap()),
            None
        );
    }
}

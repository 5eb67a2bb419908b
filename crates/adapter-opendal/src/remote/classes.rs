//! Which storage class stands for which tier. Knows no service, and no class by its name.

use artifact_domain::Tier;

/// The storage classes of the tiers of a bucket. A tier without one is kept as the next warmer one,
/// and the hot one as the service does it by itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StorageClasses {
    /// Of what is uploaded, and of metadata.
    pub hot: Option<String>,
    /// Of what is older and still in use.
    pub warm: Option<String>,
    /// Of what is archived.
    pub cold: Option<String>,
}

impl StorageClasses {
    /// These, and others for what is not given.
    pub(super) fn or(self, warm: &str, cold: &str) -> Self {
        Self {
            hot: self.hot,
            warm: self.warm.or_else(|| Some(warm.to_owned())),
            cold: self.cold.or_else(|| Some(cold.to_owned())),
        }
    }

    /// Whether tiers differ by their class.
    pub(super) fn has_tiers(&self) -> bool {
        self.of(Tier::Warm) != self.of(Tier::Hot) || self.of(Tier::Cold) != self.of(Tier::Hot)
    }

    /// The class of a tier; none for the service's own choice.
    pub(super) fn of(&self, tier: Tier) -> Option<&str> {
        let (hot, warm) = (self.hot.as_deref(), self.warm.as_deref());
        match tier {
            Tier::Hot => hot,
            Tier::Warm => warm.or(hot),
            Tier::Cold => self.cold.as_deref().or(warm).or(hot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(hot: Option<&str>, warm: Option<&str>, cold: Option<&str>) -> StorageClasses {
        let owned = |class: Option<&str>| class.map(str::to_owned);
        StorageClasses {
            hot: owned(hot),
            warm: owned(warm),
            cold: owned(cold),
        }
    }

    #[test]
    fn a_tier_without_a_class_is_kept_as_the_next_warmer_one() {
        let of = |classes: &StorageClasses| {
            Tier::ALL.map(|tier| classes.of(tier).map(str::to_owned).unwrap_or_default())
        };
        assert_eq!(of(&classes(None, None, None)), ["", "", ""]);
        assert_eq!(of(&classes(None, Some("W"), None)), ["", "W", "W"]);
        assert_eq!(of(&classes(Some("H"), None, Some("C"))), ["H", "H", "C"]);
    }

    #[test]
    fn tiers_of_one_class_are_none() {
        assert!(!StorageClasses::default().has_tiers());
        assert!(!classes(Some("H"), None, None).has_tiers());
        assert!(!classes(Some("H"), Some("H"), Some("H")).has_tiers());
        assert!(classes(None, None, Some("C")).has_tiers());
        assert!(StorageClasses::default().or("W", "C").has_tiers());
        let own = classes(None, Some("X"), None).or("W", "C");
        assert_eq!(
            (own.of(Tier::Warm), own.of(Tier::Cold)),
            (Some("X"), Some("C"))
        );
    }
}

//! What is known of a rule, whatever it looks at.

/// A kind of secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    name: &'static str,
    about: &'static str,
}

impl Rule {
    pub(crate) const fn new(name: &'static str, about: &'static str) -> Self {
        Self { name, about }
    }

    /// Its name: small letters, digits and hyphens.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What falls under it, in a few words.
    pub fn about(&self) -> &'static str {
        self.about
    }
}

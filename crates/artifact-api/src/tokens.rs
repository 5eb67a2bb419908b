//! Tokens: what is known of them, and how one is asked for.

use std::fmt;

use artifact_domain::access::{Action, Grant};
use artifact_domain::query::Area;
use artifact_domain::{Error, Result, Timestamp};
use serde::{Deserialize, Serialize};

/// What is known of a token. Its secret is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// What names it in logs.
    pub id: String,
    /// What its owner calls it.
    pub name: String,
    /// What may be done with it.
    pub grants: Vec<TokenGrant>,
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on it is not accepted any more; never when absent.
    pub expires_at: Option<Timestamp>,
    /// Whether its end has come.
    pub expired: bool,
    /// Whether it lets anybody in: neither it nor what it was made by has ended, gone, or lost its rights.
    pub accepted: bool,
    /// When it was last used, as of a minute ago.
    pub last_used_at: Option<Timestamp>,
    /// The id of the token by which it was made, which it goes with.
    pub made_by: Option<String>,
}

/// What may be done with a token in one part of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenGrant {
    /// What.
    pub actions: Vec<Action>,
    /// In specs that match this pattern; in all where it is not said.
    #[serde(default = "all")]
    pub spec: String,
    /// In tasks that match this pattern; in all where it is not said.
    #[serde(default = "all")]
    pub task: String,
}

fn all() -> String {
    "*".to_owned()
}

impl From<&Grant> for TokenGrant {
    fn from(grant: &Grant) -> Self {
        Self {
            actions: grant.actions.iter().collect(),
            spec: grant.area.spec.to_string(),
            task: grant.area.task.to_string(),
        }
    }
}

impl TryFrom<TokenGrant> for Grant {
    type Error = Error;

    fn try_from(grant: TokenGrant) -> Result<Self> {
        Ok(Self {
            actions: grant.actions.into_iter().collect(),
            area: Area {
                spec: grant.spec.parse()?,
                task: grant.task.parse()?,
            },
        })
    }
}

/// A token that is to be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What to call it; no other is called so.
    pub name: String,
    /// What may be done with it.
    pub grants: Vec<TokenGrant>,
    /// For how many days it is accepted; for 90, or as long as the token that asks, where that is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in_days: Option<u32>,
    /// It is accepted until it is revoked.
    #[serde(default)]
    pub never_expires: bool,
}

/// A token that was made, with its secret. Its text never prints.
#[derive(Clone, Serialize, Deserialize)]
pub struct MadeToken {
    /// What is known of it from now on.
    #[serde(flatten)]
    pub about: AccessToken,
    /// The token itself, this once.
    pub token: String,
}

impl fmt::Debug for MadeToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MadeToken")
            .field("about", &self.about)
            .finish_non_exhaustive()
    }
}

/// A token that was revoked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RevokedToken {
    /// What named it in logs.
    pub id: String,
    /// What its owner called it.
    pub name: String,
    /// That it is so.
    pub revoked: bool,
}

/// Tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TokenItems<T> {
    /// Each.
    pub items: Vec<T>,
}

/// That every URL that was signed before is refused from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RotatedKey {
    /// Since when.
    pub rotated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let text = r#"{"id":"1","name":"ci","grants":[],"created_at":"2026-01-01T00:00:00Z","expires_at":null,
            "expired":false,"accepted":true,"last_used_at":null,"made_by":null,"token":"ast_1_hidden"}"#;
        let made: MadeToken = serde_json::from_str(text).unwrap();
        assert_eq!(made.token, "ast_1_hidden");
        let shown = format!("{made:?}");
        assert!(shown.contains("ci") && !shown.contains("hidden"), "{shown}");
    }

    #[test]
    fn a_grant_is_for_everything_where_nothing_else_is_said() {
        let grant: TokenGrant = serde_json::from_str(r#"{"actions":["read"]}"#).unwrap();
        let there = Grant::try_from(grant.clone()).unwrap();
        assert_eq!(there.area, Area::everywhere());
        assert_eq!(TokenGrant::from(&there), grant);
        for bad in [
            r#"{"actions":["reads"]}"#,
            r#"{"actions":["read"],"specs":"*"}"#,
        ] {
            assert!(serde_json::from_str::<TokenGrant>(bad).is_err(), "{bad}");
        }
        let bad: TokenGrant = serde_json::from_str(r#"{"actions":[],"spec":"a["}"#).unwrap();
        assert!(Grant::try_from(bad).is_err());
    }
}

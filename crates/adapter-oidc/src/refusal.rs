//! Why a token of a known issuer is not accepted: for the log of whoever runs the server, without any
//! part of the token. Its bearer is never told.

use std::fmt;

use artifact_domain::Error;

/// Why somebody is not recognised.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// His token is not accepted.
    Because(Reason),
    /// It cannot be told whether it is.
    Fault(Error),
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        Self::Because(reason)
    }
}

/// What is wrong with a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Header,
    Critical,
    Encrypted,
    Type,
    Algorithm,
    NoKid,
    UnknownKey,
    KeyForOtherAlgorithm,
    Signature,
    Audience,
    NoEnd,
    Expired,
    NotYetValid,
    IssuedInTheFuture,
    NoAge,
    TooOld,
    Malformed,
    NoRule,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Header => "its header is malformed, or names an algorithm that nobody here knows",
            Self::Critical => "its header has extensions that must be understood",
            Self::Encrypted => "it is encrypted",
            Self::Type => "it is a token of another type",
            Self::Algorithm => "its algorithm is not among `algorithms` of the issuer",
            Self::NoKid => "it names no key, and not exactly one fits",
            Self::UnknownKey => "the issuer has no key of that id",
            Self::KeyForOtherAlgorithm => "its algorithm is not that of the key",
            Self::Signature => "its signature is wrong",
            Self::Audience => "it is for another audience",
            Self::NoEnd => "it has no `exp`",
            Self::Expired => "it has expired",
            Self::NotYetValid => "it is not valid yet (`nbf`)",
            Self::IssuedInTheFuture => "it was issued in the future (`iat`)",
            Self::NoAge => "it has no `iat`, and `max_age_s` is set",
            Self::TooOld => "it is older than `max_age_s`",
            Self::Malformed => "its claims are malformed",
            Self::NoRule => "no rule of the issuer matches its claims",
        })
    }
}

//! A token of the form JWT, signed (JWS in its compact form): taken apart, and verified. Knows no rule.

use artifact_domain::Timestamp;
use artifact_domain::port::Credential;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, Header, Validation, decode, decode_header};
use serde_json::{Map, Value};

use crate::claims::{self, Claims};
use crate::document::Described;
use crate::refusal::Reason;

/// The types of tokens that show who somebody is. Others of the same issuer may be for other ends.
const TYPES: [&str; 4] = ["jwt", "at+jwt", "application/jwt", "application/at+jwt"];

/// Somebody's token, of which nothing is believed yet.
pub(crate) struct Token<'a> {
    text: &'a str,
    /// Who it says has signed it.
    pub(crate) issuer: String,
}

impl<'a> Token<'a> {
    /// The token that a credential is; none where it is none, or says nothing of an issuer.
    pub(crate) fn of(credential: &'a Credential) -> Option<Self> {
        let text = credential.expose();
        let mut parts = text.split('.');
        let (_, claims, _) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() {
            return None;
        }
        let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
        let claims: Map<String, Value> = serde_json::from_slice(&claims).ok()?;
        let issuer = claims.get("iss")?.as_str()?.to_owned();
        Some(Self { text, issuer })
    }

    /// Its header, if it is one that can be accepted with one of `algorithms`. What it says of keys
    /// elsewhere is not looked at.
    pub(crate) fn header(&self, algorithms: &[Algorithm]) -> Result<Header, Reason> {
        let header = decode_header(self.text).map_err(|_| Reason::Header)?;
        if header.crit.is_some() {
            return Err(Reason::Critical);
        }
        if header.enc.is_some() || header.zip.is_some() {
            return Err(Reason::Encrypted);
        }
        let is_known = |kind: &String| TYPES.contains(&&*kind.to_ascii_lowercase());
        if !header.typ.as_ref().is_none_or(is_known) {
            return Err(Reason::Type);
        }
        if !algorithms.contains(&header.alg) {
            return Err(Reason::Algorithm);
        }
        Ok(header)
    }

    /// What it says, if one of `keys` has signed it.
    pub(crate) fn verified(
        &self,
        keys: &[&DecodingKey],
        algorithm: Algorithm,
    ) -> Result<Claims, Reason> {
        let mut validation = Validation::new(algorithm);
        // These read the system's clock. They are checked here, at the time that is given.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation.validate_aud = false;
        validation.required_spec_claims.clear();
        let mut reason = Reason::Signature;
        for key in keys {
            match decode::<Map<String, Value>>(self.text, key, &validation) {
                Ok(token) => return Ok(Claims::new(token.claims)),
                Err(fault) if matches!(fault.kind(), ErrorKind::Json(_)) => {
                    reason = Reason::Malformed;
                }
                Err(_) => {}
            }
        }
        Err(reason)
    }
}

/// Whether claims that were verified are for us, and good at `now`.
pub(crate) fn check(claims: &Claims, issuer: &Described, now: Timestamp) -> Result<(), Reason> {
    let malformed = |()| Reason::Malformed;
    if claims.text("iss") != Some(&issuer.issuer) {
        return Err(Reason::Malformed);
    }
    if !claims.is_for(&issuer.audiences) {
        return Err(Reason::Audience);
    }
    let now = claims::micros(now);
    let leeway = issuer.leeway_s;
    let end = claims
        .time("exp")
        .map_err(malformed)?
        .ok_or(Reason::NoEnd)?;
    if now >= claims::shifted(end, leeway) {
        return Err(Reason::Expired);
    }
    let latest = claims::shifted(now, leeway);
    if claims
        .time("nbf")
        .map_err(malformed)?
        .is_some_and(|begin| begin > latest)
    {
        return Err(Reason::NotYetValid);
    }
    let begun = claims.time("iat").map_err(malformed)?;
    if begun.is_some_and(|begun| begun > latest) {
        return Err(Reason::IssuedInTheFuture);
    }
    if let Some(max_age_s) = issuer.max_age_s {
        let oldest = claims::shifted(begun.ok_or(Reason::NoAge)?, max_age_s);
        if now >= claims::shifted(oldest, leeway) {
            return Err(Reason::TooOld);
        }
    }
    Ok(())
}

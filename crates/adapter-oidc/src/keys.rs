//! The public keys of an issuer, as a JSON Web Key Set has them. What cannot verify signatures safely
//! is left out.

use artifact_domain::{Error, ErrorKind, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey};
use serde::Deserialize;
use serde_json::Value;

/// The least length of a modulus, in bits.
const LEAST_RSA_BITS: usize = 2_048;

/// The keys of an issuer.
#[derive(Debug)]
pub(crate) struct KeySet(Vec<Key>);

#[derive(Debug)]
struct Key {
    kid: Option<String>,
    algorithms: Vec<Algorithm>,
    public: DecodingKey,
}

/// What is known of a key that a token names.
pub(crate) enum Found<'a> {
    /// These keys could have signed it.
    Keys(Vec<&'a DecodingKey>),
    /// None of those of that name could, by their algorithm.
    OfOtherAlgorithm,
    /// None has that name.
    Unknown,
    /// The token names none, and it could be several or none.
    Unnamed,
}

impl KeySet {
    /// Those of a document.
    pub(crate) fn parse(document: &[u8]) -> Result<Self> {
        let document: Document = serde_json::from_slice(document).map_err(|fault| {
            let message = "what should be a set of keys (JWKS) is none";
            Error::new(ErrorKind::Internal, message).with_source(fault)
        })?;
        let count = document.keys.len();
        let keys: Vec<_> = document.keys.into_iter().filter_map(key).collect();
        if keys.len() < count {
            let (used, left_out) = (keys.len(), count - keys.len());
            tracing::debug!(
                used,
                left_out,
                "keys that can't verify signatures are left out"
            );
        }
        Ok(Self(keys))
    }

    /// Those that may have signed a token.
    pub(crate) fn find(&self, kid: Option<&str>, algorithm: Algorithm) -> Found<'_> {
        let fits = |key: &&Key| key.algorithms.contains(&algorithm);
        let Some(kid) = kid else {
            let fit: Vec<_> = self.0.iter().filter(fits).map(|key| &key.public).collect();
            return match fit.len() {
                1 => Found::Keys(fit),
                _ => Found::Unnamed,
            };
        };
        let named = self.0.iter().filter(|key| key.kid.as_deref() == Some(kid));
        let named: Vec<_> = named.collect();
        if named.is_empty() {
            return Found::Unknown;
        }
        let fit: Vec<_> = named
            .into_iter()
            .filter(fits)
            .map(|key| &key.public)
            .collect();
        if fit.is_empty() {
            Found::OfOtherAlgorithm
        } else {
            Found::Keys(fit)
        }
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

#[derive(Deserialize)]
struct Written {
    kty: String,
    kid: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    alg: Option<String>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

/// A key that can verify signatures; none where it is of another kind.
fn key(value: Value) -> Option<Key> {
    let written: Written = serde_json::from_value(value).ok()?;
    let is_for_signatures = written.usage.as_deref().is_none_or(|usage| usage == "sig");
    let verifies = |all: &Vec<String>| all.iter().any(|one| one == "verify");
    if !is_for_signatures || !written.key_ops.as_ref().is_none_or(verifies) {
        return None;
    }
    let (key, mut algorithms) = match written.kty.as_str() {
        "RSA" => (rsa(&written)?, AlgorithmFamily::Rsa.algorithms().to_vec()),
        "EC" => curve(&written)?,
        "OKP" if written.crv.as_deref() == Some("Ed25519") => {
            let point = bytes(written.x.as_deref()?, 32)?;
            (DecodingKey::from_ed_der(&point), vec![Algorithm::EdDSA])
        }
        _ => return None,
    };
    if let Some(only) = written.alg {
        // RFC 9864 names the curve; it is the same algorithm.
        let only = if only == "Ed25519" {
            "EdDSA".to_owned()
        } else {
            only
        };
        let only: Algorithm = only.parse().ok()?;
        algorithms.retain(|algorithm| *algorithm == only);
    }
    (!algorithms.is_empty()).then_some(Key {
        kid: written.kid,
        algorithms,
        public: key,
    })
}

fn rsa(written: &Written) -> Option<DecodingKey> {
    let modulus = decoded(written.n.as_deref()?)?;
    let exponent = decoded(written.e.as_deref()?)?;
    let modulus = without_zeros(&modulus);
    let empty_bits = modulus.first()?.leading_zeros() as usize;
    let is_strong = modulus.len() * 8 - empty_bits >= LEAST_RSA_BITS;
    let exponent = without_zeros(&exponent);
    is_strong.then(|| DecodingKey::from_rsa_raw_components(modulus, exponent))
}

fn curve(written: &Written) -> Option<(DecodingKey, Vec<Algorithm>)> {
    let (length, algorithm) = match written.crv.as_deref()? {
        "P-256" => (32, Algorithm::ES256),
        "P-384" => (48, Algorithm::ES384),
        _ => return None,
    };
    let mut point = vec![4];
    point.extend(bytes(written.x.as_deref()?, length)?);
    point.extend(bytes(written.y.as_deref()?, length)?);
    Some((DecodingKey::from_ec_der(&point), vec![algorithm]))
}

fn bytes(text: &str, length: usize) -> Option<Vec<u8>> {
    decoded(text).filter(|bytes| bytes.len() == length)
}

fn decoded(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text.trim_end_matches('=')).ok()
}

fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    &number[zeros..]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn set(keys: &[Value]) -> KeySet {
        KeySet::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
    }

    fn coded(bytes: &[u8]) -> String {
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn rsa_of(bits: usize) -> Value {
        let mut modulus = vec![0xff; bits.div_ceil(8)];
        modulus[0] = 0xff >> (modulus.len() * 8 - bits);
        json!({"kty": "RSA", "kid": "a", "n": coded(&modulus), "e": "AQAB"})
    }

    fn with(mut key: Value, name: &str, value: Value) -> Value {
        key[name] = value;
        key
    }

    fn is_used(key: Value, algorithm: Algorithm) -> bool {
        matches!(set(&[key]).find(Some("a"), algorithm), Found::Keys(_))
    }

    #[test]
    fn weak_keys_are_left_out() {
        for (bits, used) in [
            (512, false),
            (1_024, false),
            (2_047, false),
            (2_048, true),
            (4_096, true),
        ] {
            assert_eq!(is_used(rsa_of(bits), Algorithm::RS256), used, "{bits}");
        }
        // Zeros before it make it no stronger.
        let padded = [&[0; 200][..], &[0xff; 128]].concat();
        let padded = with(rsa_of(2_048), "n", json!(coded(&padded)));
        assert!(!is_used(padded, Algorithm::RS256));
    }

    #[test]
    fn keys_that_are_not_for_signatures_are_left_out() {
        let good = rsa_of(2_048);
        for (name, value, used) in [
            ("use", json!("sig"), true),
            ("use", json!("enc"), false),
            ("use", json!("other"), false),
            ("use", json!(7), false),
            ("key_ops", json!(["verify"]), true),
            ("key_ops", json!(["encrypt"]), false),
            ("key_ops", json!([]), false),
            ("alg", json!("RS256"), true),
            ("alg", json!("RS512"), false),
            ("alg", json!("RSA-OAEP"), false),
            ("alg", json!("HS256"), false),
            ("alg", json!("none"), false),
            ("kty", json!("oct"), false),
            ("kty", json!("EC"), false),
            ("n", json!("!"), false),
            ("n", json!(""), false),
        ] {
            let key = with(good.clone(), name, value.clone());
            assert_eq!(is_used(key, Algorithm::RS256), used, "{name} {value}");
        }
        let secret = json!({"kty": "oct", "kid": "a", "k": coded(b"secret"), "alg": "HS256"});
        for algorithm in [Algorithm::HS256, Algorithm::RS256] {
            assert!(!is_used(secret.clone(), algorithm));
        }
    }

    #[test]
    fn a_key_is_for_its_own_algorithm() {
        let p256 = json!({"kty": "EC", "kid": "a", "crv": "P-256", "x": coded(&[1; 32]), "y": coded(&[1; 32])});
        let ed = json!({"kty": "OKP", "kid": "a", "crv": "Ed25519", "x": coded(&[1; 32])});
        for (key, fits) in [(p256.clone(), "ES256"), (ed.clone(), "EdDSA")] {
            for name in ["RS256", "PS256", "ES256", "ES384", "EdDSA", "HS256"] {
                let algorithm = name.parse().unwrap();
                assert_eq!(is_used(key.clone(), algorithm), name == fits, "{name}");
            }
        }
        assert!(!is_used(
            with(p256.clone(), "crv", json!("secp256k1")),
            Algorithm::ES256
        ));
        assert!(!is_used(
            with(p256.clone(), "crv", json!("P-384")),
            Algorithm::ES384
        ));
        assert!(!is_used(
            with(p256, "x", json!(coded(&[1; 31]))),
            Algorithm::ES256
        ));
        assert!(!is_used(with(ed, "crv", json!("X25519")), Algorithm::EdDSA));
    }

    #[test]
    fn a_key_is_found_by_its_name() {
        let other = with(rsa_of(2_048), "kid", json!("b"));
        let both = set(&[
            rsa_of(2_048),
            other.clone(),
            json!({"kty": "new"}),
            json!(7),
        ]);
        assert!(
            matches!(both.find(Some("b"), Algorithm::RS256), Found::Keys(keys) if keys.len() == 1)
        );
        assert!(matches!(
            both.find(Some("c"), Algorithm::RS256),
            Found::Unknown
        ));
        assert!(matches!(
            both.find(Some("a"), Algorithm::ES256),
            Found::OfOtherAlgorithm
        ));
        assert!(matches!(both.find(None, Algorithm::RS256), Found::Unnamed));
        assert!(matches!(
            set(&[other]).find(None, Algorithm::RS256),
            Found::Keys(_)
        ));
        assert!(KeySet::parse(b"{}").is_err() && KeySet::parse(b"<html>").is_err());
    }
}

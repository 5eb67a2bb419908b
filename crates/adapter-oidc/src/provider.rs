//! The cryptography of tokens: signatures are verified by `ring`, with public keys alone. Nothing is
//! signed here, and nothing symmetric verified.

use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{Error, Verifier};
use jsonwebtoken::{Algorithm, DecodingKey, DecodingKeyKind};
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| refuse_signer(),
    verifier_factory: |algorithm, key| verifier(*algorithm, key),
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| refuse(),
        rsa_pub_components_from_public_key: |_| refuse(),
        ec_pub_components_from_private_key: |_, _| refuse(),
        ed_pub_components_from_private_key: |_, _| refuse(),
        compute_digest: |_, _| refuse(),
    },
};

/// Makes it the one of the process; that it is already is no fault.
pub(crate) fn install() {
    let _ = PROVIDER.install_default();
}

fn refuse<T>() -> Result<T> {
    Err(ErrorKind::UnsupportedAlgorithm.into())
}

fn refuse_signer() -> Result<Box<dyn JwtSigner>> {
    refuse()
}

/// What verifies signatures of this algorithm with this key. They have to agree.
fn verifier(algorithm: Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if algorithm.family() != key.family() || scheme(algorithm).is_none() {
        return Err(ErrorKind::InvalidAlgorithm.into());
    }
    Ok(Box::new(OnRing {
        algorithm,
        key: key.clone(),
    }))
}

/// How `ring` calls an algorithm.
enum Scheme {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn signature::VerificationAlgorithm),
}

/// The scheme of an algorithm; none where a secret would be shared.
fn scheme(algorithm: Algorithm) -> Option<Scheme> {
    Some(match algorithm {
        Algorithm::RS256 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
        Algorithm::RS384 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
        Algorithm::RS512 => Scheme::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
        Algorithm::PS256 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
        Algorithm::PS384 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
        Algorithm::PS512 => Scheme::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
        Algorithm::ES256 => Scheme::Curve(&signature::ECDSA_P256_SHA256_FIXED),
        Algorithm::ES384 => Scheme::Curve(&signature::ECDSA_P384_SHA384_FIXED),
        Algorithm::EdDSA => Scheme::Curve(&signature::ED25519),
        _ => return None,
    })
}

struct OnRing {
    algorithm: Algorithm,
    key: DecodingKey,
}

impl Verifier<Vec<u8>> for OnRing {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> std::result::Result<(), Error> {
        let verified = match (scheme(self.algorithm), self.key.kind()) {
            (Some(Scheme::Rsa(scheme)), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                RsaPublicKeyComponents { n, e }.verify(scheme, message, signature)
            }
            (Some(Scheme::Curve(scheme)), DecodingKeyKind::SecretOrDer(point)) => {
                UnparsedPublicKey::new(scheme, point).verify(message, signature)
            }
            _ => return Err(Error::new()),
        };
        verified.map_err(|_| Error::new())
    }
}

impl JwtVerifier for OnRing {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::EncodingKey;

    use super::*;

    #[test]
    fn nothing_symmetric_has_a_verifier() {
        let secret = DecodingKey::from_secret(b"secret");
        for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert!(verifier(algorithm, &secret).is_err(), "{algorithm:?}");
        }
    }

    #[test]
    fn a_key_is_for_the_algorithms_of_its_family() {
        let rsa = DecodingKey::from_rsa_raw_components(&[1; 256], &[1, 0, 1]);
        let curve = DecodingKey::from_ec_der(&[4; 65]);
        let edwards = DecodingKey::from_ed_der(&[1; 32]);
        for (key, fits) in [(rsa, "RP"), (curve, "E"), (edwards, "d")] {
            for name in [
                "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA",
                "HS256",
            ] {
                let algorithm: Algorithm = name.parse().unwrap();
                let expected = match fits {
                    "RP" => name.starts_with(['R', 'P']),
                    "E" => name.starts_with("ES"),
                    _ => name == "EdDSA",
                };
                assert_eq!(verifier(algorithm, &key).is_ok(), expected, "{name} {fits}");
            }
        }
    }

    #[test]
    fn nothing_is_signed() {
        let key = EncodingKey::from_secret(b"secret");
        assert!((PROVIDER.signer_factory)(&Algorithm::HS256, &key).is_err());
    }
}

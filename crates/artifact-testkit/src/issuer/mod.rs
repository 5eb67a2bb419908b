//! Issuers of signed tokens (JWT): keys, tokens of any shape, and a server that gives the keys. Knows
//! nothing of who verifies them.

mod server;
pub mod weak;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384,
    RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384, RSA_PSS_SHA512, RsaKeyPair,
    RsaPublicKeyComponents,
};
use serde_json::{Value, json};

pub use server::IssuerServer;

/// An RSA key of 2,048 bits, made for tests alone: `ring` makes none.
const RSA: &[u8] = include_bytes!("rsa_2048.der");

/// A key that signs tokens.
#[derive(Debug)]
pub struct SigningKey {
    kid: String,
    alg: String,
    pair: Pair,
}

#[derive(Debug)]
enum Pair {
    Rsa(Box<RsaKeyPair>),
    Curve(EcdsaKeyPair),
    Edwards(Ed25519KeyPair),
}

impl SigningKey {
    /// A key called `kid` for the algorithm `alg`, such as `RS256`. All RSA keys are the same one.
    pub fn new(kid: &str, alg: &str) -> Self {
        let curve = |algorithm: &'static EcdsaSigningAlgorithm| {
            let random = SystemRandom::new();
            let made = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
            Pair::Curve(EcdsaKeyPair::from_pkcs8(algorithm, made.as_ref(), &random).unwrap())
        };
        let pair = match alg {
            "ES256" => curve(&ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => curve(&ECDSA_P384_SHA384_FIXED_SIGNING),
            "EdDSA" => {
                let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
                Pair::Edwards(Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap())
            }
            _ => Pair::Rsa(Box::new(RsaKeyPair::from_der(RSA).unwrap())),
        };
        Self {
            kid: kid.to_owned(),
            alg: alg.to_owned(),
            pair,
        }
    }

    /// Its public half, as an issuer tells it.
    pub fn public(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(pair.public());
                json!({"kty": "RSA", "n": coded(&public.n), "e": coded(&public.e)})
            }
            Pair::Curve(pair) => {
                let point = &pair.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let curve = if x.len() == 32 { "P-256" } else { "P-384" };
                json!({"kty": "EC", "crv": curve, "x": coded(x), "y": coded(y)})
            }
            Pair::Edwards(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": coded(pair.public_key().as_ref())})
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["alg"] = json!(self.alg);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A token that says this.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": self.alg, "typ": "JWT", "kid": self.kid});
        self.token_with(&header, claims)
    }

    /// The same with a header of any kind: it is signed as the key signs, whatever that says.
    pub fn token_with(&self, header: &Value, claims: &Value) -> String {
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = coded(&self.sign(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    fn sign(&self, text: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Curve(pair) => pair.sign(&random, text).unwrap().as_ref().to_vec(),
            Pair::Edwards(pair) => pair.sign(text).as_ref().to_vec(),
            Pair::Rsa(pair) => {
                let padding: &'static dyn ring::signature::RsaEncoding = match &*self.alg {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(padding, &random, text, &mut signature).unwrap();
                signature
            }
        }
    }
}

/// A token that is not signed but ends in this.
pub fn unsigned(header: &Value, claims: &Value, signature: &[u8]) -> String {
    format!("{}.{}.{}", part(header), part(claims), coded(signature))
}

/// A token whose signature is an HMAC-SHA-256 with this secret.
pub fn with_secret(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let key = ring::hmac::Key::new(ring::hmac::HMAC_SHA256, secret);
    let signature = ring::hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", coded(signature.as_ref()))
}

/// A set of keys, as an issuer tells it.
pub fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The base64 of tokens.
pub fn coded(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn part(value: &Value) -> String {
    coded(value.to_string().as_bytes())
}

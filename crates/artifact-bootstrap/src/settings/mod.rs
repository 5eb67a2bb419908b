//! Settings of the artifact store: defaults < file < environment < flags, checked against one
//! schema and given as typed values with the origin of each. Knows no adapter.
//!
//! `docs/configuration.md` describes every key. A program loads its settings once, at its start:
//!
//! ```no_run
//! use artifact_bootstrap::settings::{Settings, Sources};
//!
//! let mut sources = Sources::from_process()?;
//! sources.flags.push(("index.engine".into(), "sled".into()));
//! let loaded = Settings::load(&sources)?;
//! println!("{}", loaded.settings.base_path.display());
//! # Ok::<(), artifact_domain::Error>(())
//! ```

mod by_glob;
mod byte_size;
mod cron;
mod file;
mod keys;
mod kind;
mod layers;
mod load;
mod model;
mod node;
pub(crate) mod rules;
mod schema;
mod secret;
mod sources;
mod template;
#[cfg(test)]
mod tests;

pub use byte_size::ByteSize;
pub use load::{Effective, Loaded};
pub use model::{
    Access, AuditScope, Backend, ColdTier, Compression, Durability, Gcs, Guard, Http, Index,
    IndexEngine, Locking, LogFormat, OnSecret, ProxyHeader, Quota, Retention, Retry, S3, Settings,
    StorageClasses, Tiers, Upload, Versioning, WarmTier,
};
pub use secret::{REDACTED, Secret, SecretUrl};
pub use sources::{Origin, Sources};
pub use template::default_file;

//! What verifying can show.

use artifact_domain::port::UsageDrift;
use artifact_domain::{ArtifactRecord, BlobKey, Error, SpecName, TaskId, Tier};

/// What is wrong with the bytes of a version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Damage {
    /// They are not there.
    Missing,
    /// They are other bytes than were uploaded, or fewer, or more.
    Damaged,
    /// They could not be read to the end: the store refused, or its disk did.
    Unreadable,
}

impl Damage {
    /// The word for it, which is also the value of the tag of a repair.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Damaged => "damaged",
            Self::Unreadable => "unreadable",
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug)]
pub enum VerifyFinding {
    /// The bytes of a version.
    Bytes {
        /// Whose.
        record: Box<ArtifactRecord>,
        /// What is wrong.
        damage: Damage,
        /// In more words.
        cause: Error,
        /// Whether a repair has marked it.
        repaired: bool,
    },
    /// Bytes that are sound were marked as lost.
    FoundAgain {
        /// Whose.
        record: Box<ArtifactRecord>,
        /// Whether a repair has taken the mark away.
        repaired: bool,
    },
    /// The metadata of a task.
    Metadata {
        /// Of which spec.
        spec: SpecName,
        /// Of which task.
        task: TaskId,
        /// How many versions it lacks or knows only as they were before.
        behind: u64,
        /// How many it knows better than the index, or that only it knows and whose bytes are
        /// there. Only a rebuild of the index helps.
        ahead: u64,
        /// How many of its lines are damaged.
        damaged_lines: u64,
        /// Whether a repair has written it again.
        repaired: bool,
    },
    /// A counter of the index disagrees with its records.
    Counter {
        /// What it says, and what the records come to.
        drift: Box<UsageDrift>,
        /// Whether a repair has put it right.
        repaired: bool,
    },
    /// Counters of the index that cannot be read.
    UnreadableCounters {
        /// How many.
        count: u64,
        /// Whether a repair has put them right.
        repaired: bool,
    },
    /// A blob that neither index nor metadata knows.
    UnknownBlob {
        /// In which store, by the quickest tier that is kept there.
        tier: Tier,
        /// Where it is.
        key: BlobKey,
        /// Its bytes.
        size_bytes: u64,
    },
}

/// What verifying has shown so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct VerifyReport {
    /// How many versions were verified.
    pub versions: u64,
    /// Their original bytes.
    pub size_bytes: u64,
    /// How many versions are in a tier whose bytes cannot be read now: only their size was
    /// compared.
    pub unread: u64,
    /// How many findings there are.
    pub findings: u64,
    /// How many of them a repair has mended; what is lost is marked, not mended.
    pub mended: u64,
}

impl VerifyReport {
    /// Whether everything is as it should be, by now.
    pub fn is_sound(&self) -> bool {
        self.findings == self.mended
    }
}

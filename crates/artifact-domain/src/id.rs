//! Identity: of one version, and of one attempt to write its bytes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::segment::excerpt;
use crate::{Error, Result, Timestamp};

/// The identity of one version of an artifact, a version 7 UUID (RFC 9562), written hyphenated in lower
/// case. Wherever a person gives a URI, an id serves too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArtifactId(Uuid);

impl ArtifactId {
    /// The id of something made at `time`, told apart from all others by 74 of the `random` bits.
    pub fn new(time: Timestamp, random: [u8; 10]) -> Self {
        let millis = u64::try_from(time.as_micros() / 1_000).unwrap_or(0);
        Self(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// When it was made, to the millisecond; the epoch for an id that does not say.
    pub fn created_at(&self) -> Timestamp {
        let time = self.0.get_timestamp().map(|time| time.to_unix());
        let micros = time.and_then(|(seconds, nanos)| {
            let seconds = i64::try_from(seconds).ok()?.checked_mul(1_000_000)?;
            seconds.checked_add(i64::from(nanos / 1_000))
        });
        micros.map_or(Timestamp::UNIX_EPOCH, |micros| {
            Timestamp::from_micros(micros).unwrap_or(Timestamp::MAX)
        })
    }

    /// The id as 128 bits.
    pub fn as_uuid(&self) -> Uuid {
        self.0
    }

    /// Takes the 128 bits of an id back.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

impl fmt::Display for ArtifactId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_hyphenated().fmt(f)
    }
}

impl FromStr for ArtifactId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        const HYPHENATED_LENGTH: usize = 36;
        Uuid::try_parse(text)
            .ok()
            .filter(|_| text.len() == HYPHENATED_LENGTH)
            .map(Self)
            .ok_or_else(|| Error::invalid_input(format!("`{}` is not an id", excerpt(text))))
    }
}

impl TryFrom<String> for ArtifactId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ArtifactId> for String {
    fn from(id: ArtifactId) -> Self {
        id.to_string()
    }
}

/// One attempt to write the bytes of a version. No two attempts share a storage path, so a writer
/// that comes too late can overwrite nothing.
///
/// Written as 32 hexadecimal digits. The attempt that uploads a version carries the version's id,
/// so that an id can be read back from a storage path. One that copies a version to another place
/// is a UUID of version 8 instead of 7, so that a copy is known for one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AttemptId(Uuid);

impl AttemptId {
    /// How many characters its text has.
    pub(crate) const TEXT_BYTES: usize = 32;

    /// Where the version of a UUID stands in its 128 bits.
    const VERSION_SHIFT: u32 = 76;

    /// An attempt to copy the bytes of a version to another place, with the bits of a new id. With
    /// the bits of the version's own id it is where bytes are handed over.
    pub fn of_move(id: ArtifactId) -> Self {
        Self(with_version(id.0, 8))
    }

    /// Whether it copies what another attempt uploaded.
    pub fn is_move(self) -> bool {
        self.0.get_version_num() == 8
    }

    /// The id that a version has whose bytes this attempt uploaded; for an attempt that copies, the
    /// id from whose bits it was made, which is that of no version unless one was recovered from
    /// the copy.
    pub fn artifact_id(self) -> ArtifactId {
        if self.is_move() {
            ArtifactId(with_version(self.0, 7))
        } else {
            ArtifactId(self.0)
        }
    }

    /// The attempt as 128 bits.
    pub fn as_uuid(self) -> Uuid {
        self.0
    }

    /// Takes the 128 bits of an attempt back.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }
}

fn with_version(uuid: Uuid, version: u128) -> Uuid {
    let others = uuid.as_u128() & !(0xf << AttemptId::VERSION_SHIFT);
    Uuid::from_u128(others | version << AttemptId::VERSION_SHIFT)
}

impl From<ArtifactId> for AttemptId {
    fn from(id: ArtifactId) -> Self {
        Self(id.0)
    }
}

impl fmt::Display for AttemptId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_simple().fmt(f)
    }
}

impl FromStr for AttemptId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        Uuid::try_parse(text)
            .ok()
            .filter(|_| text.len() == Self::TEXT_BYTES && lower)
            .map(Self)
            .ok_or_else(|| Error::invalid_input(format!("`{}` is not an attempt", excerpt(text))))
    }
}

impl TryFrom<String> for AttemptId {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<AttemptId> for String {
    fn from(attempt: AttemptId) -> Self {
        attempt.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_a_version_7_uuid_that_sorts_by_time() {
        let at = |micros| ArtifactId::new(Timestamp::from_micros(micros).unwrap(), [0xff; 10]);
        assert_eq!(at(0).as_uuid().get_version_num(), 7);
        assert!(at(1_000_000) < at(2_000_000));
        let time = Timestamp::from_micros(1_772_366_400_123_456).unwrap();
        let made = ArtifactId::new(time, [7; 10]).created_at();
        assert_eq!(made.as_micros(), 1_772_366_400_123_000);
    }

    #[test]
    fn ids_and_attempts_round_trip_and_carry_each_other() {
        let id = ArtifactId::new(
            Timestamp::from_micros(1_700_000_000_000_000).unwrap(),
            [7; 10],
        );
        assert_eq!(id.to_string().parse::<ArtifactId>().unwrap(), id);
        let attempt = AttemptId::from(id);
        assert_eq!(
            attempt
                .to_string()
                .parse::<AttemptId>()
                .unwrap()
                .artifact_id(),
            id
        );
    }

    #[test]
    fn a_copy_is_known_for_one_and_says_when_it_was_made() {
        let time = Timestamp::from_micros(1_700_000_000_000_000).unwrap();
        let id = ArtifactId::new(time, [7; 10]);
        let copy = AttemptId::of_move(id);
        assert!(copy.is_move() && !AttemptId::from(id).is_move());
        assert_ne!(copy, AttemptId::from(id));
        assert_eq!(copy.artifact_id(), id);
        assert_eq!(copy.artifact_id().created_at(), time);
        assert_eq!(copy.to_string().parse::<AttemptId>().unwrap(), copy);
        assert_eq!(AttemptId::from_uuid(copy.as_uuid()), copy);
    }

    #[test]
    fn other_forms_of_a_uuid_are_refused() {
        let simple = "018f3b5a2b7c7def8123456789abcdef";
        assert!(simple.parse::<ArtifactId>().is_err());
        assert!("".parse::<ArtifactId>().is_err());
        assert!(simple.to_uppercase().parse::<AttemptId>().is_err());
        assert!(
            "018f3b5a-2b7c-7def-8123-456789abcdef"
                .parse::<AttemptId>()
                .is_err()
        );
    }
}

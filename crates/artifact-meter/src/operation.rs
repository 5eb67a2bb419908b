//! The operations of the ports, by name. Each has its place in the tables of the meter.

/// A port whose calls are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Port {
    /// [`ArtifactIndex`](artifact_domain::port::ArtifactIndex)
    Index,
    /// [`BlobStore`](artifact_domain::port::BlobStore), of all tiers
    Blobs,
    /// [`LockManager`](artifact_domain::port::LockManager), and the guards that it gives
    Locks,
}

impl Port {
    /// Its name: `index`, `blobs` or `locks`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Index => "index",
            Self::Blobs => "blobs",
            Self::Locks => "locks",
        }
    }
}

/// A method of a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "each is named after its port and its method")]
pub enum Operation {
    IndexBegin,
    IndexRenew,
    IndexReserve,
    IndexCommit,
    IndexUpdate,
    IndexRemove,
    IndexFind,
    IndexFindVersion,
    IndexFindNewest,
    IndexQuery,
    IndexUsage,
    IndexRecount,
    IndexDueForExpiry,
    IndexAbandonedUploads,
    IndexSeekTable,
    IndexImport,
    IndexIsComplete,
    IndexMarkComplete,
    IndexRetentionMark,
    IndexSetRetentionMark,
    BlobsPut,
    BlobsGet,
    BlobsStat,
    BlobsList,
    BlobsDelete,
    BlobsPresign,
    BlobsCopyToTier,
    BlobsRestore,
    BlobsLeftovers,
    BlobsSweep,
    LocksAcquire,
    LocksIsLocked,
    LocksHolder,
    LocksForceUnlock,
    LocksRelease,
}

impl Operation {
    /// All of them, in the order of their declaration.
    pub const ALL: [Self; 35] = [
        Self::IndexBegin,
        Self::IndexRenew,
        Self::IndexReserve,
        Self::IndexCommit,
        Self::IndexUpdate,
        Self::IndexRemove,
        Self::IndexFind,
        Self::IndexFindVersion,
        Self::IndexFindNewest,
        Self::IndexQuery,
        Self::IndexUsage,
        Self::IndexRecount,
        Self::IndexDueForExpiry,
        Self::IndexAbandonedUploads,
        Self::IndexSeekTable,
        Self::IndexImport,
        Self::IndexIsComplete,
        Self::IndexMarkComplete,
        Self::IndexRetentionMark,
        Self::IndexSetRetentionMark,
        Self::BlobsPut,
        Self::BlobsGet,
        Self::BlobsStat,
        Self::BlobsList,
        Self::BlobsDelete,
        Self::BlobsPresign,
        Self::BlobsCopyToTier,
        Self::BlobsRestore,
        Self::BlobsLeftovers,
        Self::BlobsSweep,
        Self::LocksAcquire,
        Self::LocksIsLocked,
        Self::LocksHolder,
        Self::LocksForceUnlock,
        Self::LocksRelease,
    ];

    /// Whose method it is.
    pub const fn port(self) -> Port {
        self.place().0
    }

    /// The name of the method.
    pub const fn method(self) -> &'static str {
        self.place().1
    }

    const fn place(self) -> (Port, &'static str) {
        match self {
            Self::IndexBegin => (Port::Index, "begin"),
            Self::IndexRenew => (Port::Index, "renew"),
            Self::IndexReserve => (Port::Index, "reserve"),
            Self::IndexCommit => (Port::Index, "commit"),
            Self::IndexUpdate => (Port::Index, "update"),
            Self::IndexRemove => (Port::Index, "remove"),
            Self::IndexFind => (Port::Index, "find"),
            Self::IndexFindVersion => (Port::Index, "find_version"),
            Self::IndexFindNewest => (Port::Index, "find_newest"),
            Self::IndexQuery => (Port::Index, "query"),
            Self::IndexUsage => (Port::Index, "usage"),
            Self::IndexRecount => (Port::Index, "recount"),
            Self::IndexDueForExpiry => (Port::Index, "due_for_expiry"),
            Self::IndexAbandonedUploads => (Port::Index, "abandoned_uploads"),
            Self::IndexSeekTable => (Port::Index, "seek_table"),
            Self::IndexImport => (Port::Index, "import"),
            Self::IndexIsComplete => (Port::Index, "is_complete"),
            Self::IndexMarkComplete => (Port::Index, "mark_complete"),
            Self::IndexRetentionMark => (Port::Index, "retention_mark"),
            Self::IndexSetRetentionMark => (Port::Index, "set_retention_mark"),
            Self::BlobsPut => (Port::Blobs, "put"),
            Self::BlobsGet => (Port::Blobs, "get"),
            Self::BlobsStat => (Port::Blobs, "stat"),
            Self::BlobsList => (Port::Blobs, "list"),
            Self::BlobsDelete => (Port::Blobs, "delete"),
            Self::BlobsPresign => (Port::Blobs, "presign"),
            Self::BlobsCopyToTier => (Port::Blobs, "copy_to_tier"),
            Self::BlobsRestore => (Port::Blobs, "restore"),
            Self::BlobsLeftovers => (Port::Blobs, "leftovers"),
            Self::BlobsSweep => (Port::Blobs, "sweep"),
            Self::LocksAcquire => (Port::Locks, "acquire"),
            Self::LocksIsLocked => (Port::Locks, "is_locked"),
            Self::LocksHolder => (Port::Locks, "holder"),
            Self::LocksForceUnlock => (Port::Locks, "force_unlock"),
            Self::LocksRelease => (Port::Locks, "release"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn each_has_a_place_and_a_name_of_its_own() {
        for (place, operation) in Operation::ALL.into_iter().enumerate() {
            assert_eq!(operation as usize, place);
        }
        let names: HashSet<_> = Operation::ALL.map(Operation::place).into_iter().collect();
        assert_eq!(names.len(), Operation::ALL.len());
    }
}

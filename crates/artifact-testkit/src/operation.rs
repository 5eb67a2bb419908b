//! The operations of the ports, by name: to count their calls and to let them fail.

/// An operation of a [`BlobStore`](artifact_domain::port::BlobStore).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BlobOperation {
    /// `put`
    Put,
    /// `get`
    Get,
    /// `stat`
    Stat,
    /// `list`
    List,
    /// `delete`
    Delete,
    /// `presign`
    Presign,
    /// `copy_to_tier`
    CopyToTier,
    /// `restore`
    Restore,
    /// `sweep`
    Sweep,
    /// `leftovers`
    Leftovers,
}

/// An operation of an [`ArtifactIndex`](artifact_domain::port::ArtifactIndex).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IndexOperation {
    /// `begin`
    Begin,
    /// `renew`
    Renew,
    /// `reserve`
    Reserve,
    /// `commit`
    Commit,
    /// `update`
    Update,
    /// `remove`
    Remove,
    /// `find`
    Find,
    /// `find_version`
    FindVersion,
    /// `find_newest`
    FindNewest,
    /// `query`
    Query,
    /// `usage`
    Usage,
    /// `recount`
    Recount,
    /// `due_for_expiry`
    DueForExpiry,
    /// `abandoned_uploads`
    AbandonedUploads,
    /// `seek_table`
    SeekTable,
    /// `import`
    Import,
    /// `is_complete`
    IsComplete,
    /// `mark_complete`
    MarkComplete,
    /// `retention_mark`
    RetentionMark,
    /// `set_retention_mark`
    SetRetentionMark,
}

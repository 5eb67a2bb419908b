#![doc = include_str!("../README.md")]

mod admission;
mod body;
mod bucket_rules;
mod change;
mod compare;
mod condition;
mod decode;
mod delete;
mod digest;
mod download;
mod edit;
mod encode;
mod export;
mod find;
mod gc;
mod grep;
mod guard;
mod handover;
mod import;
mod lines;
mod local_copy;
mod locks;
mod manifest;
mod measure;
mod median;
mod orphan;
mod outcome;
mod patch;
mod pipe;
mod places;
mod plain;
mod presign;
mod probe;
mod purge;
mod reap;
mod reindex;
mod relocate;
mod retention;
mod retry;
mod room;
mod search;
mod soundness;
mod source;
mod store;
mod tiers;
mod trend;
mod upload;
mod upload_request;
mod usage;
mod verify;
mod versions;
pub mod view;

pub use artifact_archive::Limits as ArchiveLimits;
pub use artifact_codec::Level;
pub use artifact_guard::{Finding, Guard};
pub use artifact_reports::SlowerRule;
pub use body::Body;
pub use bucket_rules::{
    AtRisk, BucketService, BucketSite, LifecyclePlan, LifecycleWish, PolicyWish, RuleChange,
    RuleDifference, TierClasses, bucket_policy, cors_differences, cors_json, cors_origin,
    cors_rule, identity_policy, lifecycle_differences, lifecycle_json, plan_lifecycle,
    policy_differences, policy_statements, refusal, rule_differences,
};
pub use change::{Change, Changed};
pub use compare::{
    ArtifactComparison, Breach, CompareItem, CompareRequest, CompareTotals, Compared,
    ComparedVersion, Difference, FailOn, Report, ReportState, Sizes, TaskRef, TestList,
};
pub use condition::{DigestMismatch, PreconditionFailed, UploadCondition};
pub use delete::{DeleteFailure, DeleteReport, DeleteScope};
pub use digest::digest;
pub use download::{Download, DownloadOptions, Part, Verification};
pub use export::{ArchiveFormat, Export, ExportOptions, ExportProgress, LeftOut};
pub use find::not_found;
pub use gc::{GcItem, GcOptions, GcReason, GcReport};
pub use grep::{
    Grep, GrepEnd, GrepItem, GrepKind, GrepLine, GrepLines, GrepOptions, GrepOutput, GrepReport,
    GrepScope, GrepSource, Pattern, PatternOptions,
};
pub use guard::{GuardPolicy, OnSecret};
pub use handover::{CompleteRequest, Handover};
pub use import::{
    Admit, ArchiveSource, Describe, ForeignFile, ImportItem, ImportOptions, ImportOutcome,
    ImportReport, Sight, describe_as_uploads,
};
pub use lines::Page;
pub use local_copy::{LocalCopy, rescue};
pub use locks::LockStatus;
pub use patch::Patch;
pub use pipe::threads_ended;
pub use places::Tiers;
pub use presign::{SignedDownload, check_time};
pub use reap::ReapReport;
pub use reindex::{ReindexFinding, ReindexOptions, ReindexReport};
pub use retention::{
    CleanupAction, CleanupItem, CleanupOptions, CleanupOutcome, CleanupReport, Fate, KeepFor,
    Retained, RetentionChange,
};
pub use store::{Ports, Store, StoreOptions};
pub use tiers::{Move, MoveEvent, MoveReport, MoveScope, RestoreOptions, Restored};
pub use trend::TrendDay;
pub use upload_request::{Compression, UploadRequest, Uploaded, secret_warning};
pub use usage::{QuotaWarning, Usage, UsageGroup, UsageKey, UsageTotal};
pub use verify::{Damage, LOST_TAG, VerifyFinding, VerifyOptions, VerifyReport, VerifyScope};
pub use versions::{OldVersion, PruneScope};

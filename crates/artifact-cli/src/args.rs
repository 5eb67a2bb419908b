//! What can be typed: the verbs and the options that every verb takes.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::command::{
    archive, audit, cat, cleanup, compare, complete, completions, config, cors, delete, doctor,
    download, export, gc, grep, hold, import, lifecycle, lock, meta, policy, presign, reindex,
    retention, search, show, tag, tail, token, trend, upload, usage, verify, versions, why,
};

/// Stores what CI jobs and coding agents produce: uploaded as a stream, hashed, compressed, found
/// again, checked on the way back.
#[derive(Debug, Parser)]
#[command(name = "artifact", version, propagate_version = true, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

const EXIT_CODES: &str = "\
Exit codes:
  0 ok                          6 conflict, exists or held
  1 internal                    7 locked (timeout)
  2 usage or invalid input      8 storage full, quota, too large
  3 not found or expired        9 unavailable
  4 permission, authentication  10 unsupported
  5 integrity                   130 interrupted";

/// Options of every verb.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Read the settings from this file
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep blobs, index and locks below this folder
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) base_path: Option<PathBuf>,
    /// Where blobs are kept: fs, memory, …
    #[arg(long, global = true)]
    pub(crate) backend: Option<String>,
    /// Which index engine is used: sqlite, sled
    #[arg(long, global = true, value_name = "ENGINE")]
    pub(crate) index: Option<String>,
    /// Work with the store of a server [default: `$ARTIFACT_SERVER`]
    #[arg(long, global = true, value_name = "URL",
          conflicts_with_all = ["base_path", "backend", "index"])]
    pub(crate) server: Option<String>,
    /// Prove to the server who asks, by the token in this file [default: `$ARTIFACT_TOKEN`, or the
    /// file that `$ARTIFACT_TOKEN_FILE` names]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,
    /// Print JSON, one object per line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more; twice for debugging
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
    /// Show no progress
    #[arg(long, global = true)]
    pub(crate) no_progress: bool,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// The use cases.
#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Store files, folders or standard input
    #[command(visible_alias = "put")]
    Upload(upload::UploadArgs),
    /// Fetch an artifact, or everything of a task
    #[command(visible_alias = "get")]
    Download(download::DownloadArgs),
    /// Print artifacts, or a page of a large one
    Cat(cat::CatArgs),
    /// Print the end of an artifact
    Tail(tail::TailArgs),
    /// Find artifacts
    #[command(visible_alias = "ls")]
    Search(search::SearchArgs),
    /// Compare what two tasks have stored, and what their reports say
    Compare(compare::CompareArgs),
    /// Look for a pattern in the contents of artifacts
    Grep(grep::GrepArgs),
    /// Show how much was stored on each day
    Trend(trend::TrendArgs),
    /// Sign a URL to download an artifact, or to upload one
    Presign(presign::PresignArgs),
    /// Complete an upload to a signed URL
    Complete(complete::CompleteArgs),
    /// Show what is known of an artifact
    #[command(visible_alias = "stat")]
    Show(show::ShowArgs),
    /// Delete artifacts, a task or a spec
    #[command(visible_alias = "rm")]
    Delete(delete::DeleteArgs),
    /// Add, replace or remove tags
    Tag(tag::TagArgs),
    /// Set, remove or patch free metadata
    Meta(meta::MetaArgs),
    /// Keep artifacts from expiry and deletion
    Hold(hold::HoldArgs),
    /// List the versions of an artifact, prune old ones
    Versions(versions::VersionsArgs),
    /// Say when and by which rule artifacts go, or what keeps them
    Why(why::WhyArgs),
    /// Show the rules of retention, or set how long artifacts are kept
    Retention(retention::RetentionArgs),
    /// Clear away what is due by the rules of retention
    Cleanup(cleanup::CleanupArgs),
    /// Move artifacts to the cold tier, or older ones to colder tiers
    Archive(archive::ArchiveArgs),
    /// Bring artifacts back to the hot tier
    Restore(archive::RestoreArgs),
    /// Show how much is stored, and how near that is to the limit
    Usage(usage::UsageArgs),
    /// Write artifacts to a ZIP or tar.gz archive
    Export(export::ExportArgs),
    /// Take artifacts in from a ZIP or tar archive
    Import(import::ImportArgs),
    /// Read what is stored and compare it with what is known of it
    Verify(verify::VerifyArgs),
    /// Clear what nobody will read any more and what crashes have left
    Gc(gc::GcArgs),
    /// Rebuild the index from what is stored
    Reindex(reindex::ReindexArgs),
    /// Look at the lock of an artifact, or break it
    Lock(lock::LockArgs),
    /// Show, apply or check the rules by which the bucket moves and deletes
    Lifecycle(lifecycle::LifecycleArgs),
    /// Show, apply or check which web pages may use signed URLs of the bucket
    Cors(cors::CorsArgs),
    /// Show, apply or check what credentials must be allowed in the bucket
    Policy(policy::PolicyArgs),
    /// Try whether everything works that the settings name
    Doctor(doctor::DoctorArgs),
    /// Make, list or revoke tokens that the server lets people in by
    Token(token::TokenArgs),
    /// Show who did what on the server
    Audit(audit::AuditArgs),
    /// Show, check or begin the settings
    Config(config::ConfigArgs),
    /// Print a completion script for a shell
    Completions(completions::CompletionsArgs),
}

impl Verb {
    /// Whether it changes nothing, neither in the store nor in files, wherever it is left.
    pub(crate) fn only_reads(&self) -> bool {
        matches!(
            self,
            Self::Cat(_)
                | Self::Tail(_)
                | Self::Search(_)
                | Self::Compare(_)
                | Self::Grep(_)
                | Self::Trend(_)
                | Self::Show(_)
                | Self::Why(_)
                | Self::Usage(_)
                | Self::Audit(_)
                | Self::Completions(_)
        )
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}

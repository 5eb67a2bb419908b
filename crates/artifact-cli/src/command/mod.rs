//! The verbs, one module each: what can be typed after it, and the use case it runs.

pub(crate) mod archive;
pub(crate) mod audit;
pub(crate) mod cat;
pub(crate) mod cleanup;
pub(crate) mod compare;
pub(crate) mod complete;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod cors;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod download;
pub(crate) mod export;
pub(crate) mod gc;
pub(crate) mod grep;
pub(crate) mod hold;
pub(crate) mod import;
pub(crate) mod lifecycle;
pub(crate) mod lock;
pub(crate) mod meta;
pub(crate) mod policy;
pub(crate) mod presign;
pub(crate) mod reindex;
pub(crate) mod retention;
pub(crate) mod search;
pub(crate) mod show;
pub(crate) mod tag;
pub(crate) mod tail;
pub(crate) mod token;
pub(crate) mod trend;
pub(crate) mod upload;
pub(crate) mod usage;
pub(crate) mod verify;
pub(crate) mod versions;
pub(crate) mod why;

use crate::args::Verb;
use crate::context::Context;
use crate::failures::Failure;

/// Runs one verb.
pub(crate) async fn run(verb: Verb, context: &Context) -> Result<(), Failure> {
    match verb {
        Verb::Upload(args) => upload::run(args, context).await,
        Verb::Download(args) => download::run(args, context).await,
        Verb::Cat(args) => cat::run(args, context).await,
        Verb::Tail(args) => tail::run(args, context).await,
        Verb::Search(args) => search::run(args, context).await,
        Verb::Compare(args) => compare::run(args, context).await,
        Verb::Grep(args) => grep::run(args, context).await,
        Verb::Trend(args) => trend::run(args, context).await,
        Verb::Presign(args) => presign::run(args, context).await,
        Verb::Complete(args) => complete::run(args, context).await,
        Verb::Show(args) => show::run(args, context).await,
        Verb::Delete(args) => delete::run(args, context).await,
        Verb::Tag(args) => tag::run(args, context).await,
        Verb::Meta(args) => meta::run(args, context).await,
        Verb::Hold(args) => hold::run(args, context).await,
        Verb::Versions(args) => versions::run(args, context).await,
        Verb::Why(args) => why::run(args, context).await,
        Verb::Retention(args) => retention::run(args, context).await,
        Verb::Cleanup(args) => cleanup::run(args, context).await,
        Verb::Archive(args) => archive::run(args, context).await,
        Verb::Restore(args) => archive::run_restore(args, context).await,
        Verb::Usage(args) => usage::run(args, context).await,
        Verb::Export(args) => export::run(args, context).await,
        Verb::Import(args) => import::run(args, context).await,
        Verb::Verify(args) => verify::run(args, context).await,
        Verb::Gc(args) => gc::run(args, context).await,
        Verb::Reindex(args) => reindex::run(args, context).await,
        Verb::Lock(args) => lock::run(args, context).await,
        Verb::Lifecycle(args) => lifecycle::run(args, context).await,
        Verb::Cors(args) => cors::run(args, context).await,
        Verb::Policy(args) => policy::run(args, context).await,
        Verb::Doctor(args) => doctor::run(&args, context).await,
        Verb::Token(args) => token::run(args, context).await,
        Verb::Audit(args) => audit::run(args, context).await,
        Verb::Config(args) => config::run(args, context).await,
        Verb::Completions(args) => completions::run(&args),
    }
}

//! `artifact tag`: add, replace and remove the tags of one artifact or of what flags select.

use artifact_app::Change;
use artifact_domain::query::{TagFilter, Versions};
use artifact_domain::{ArtifactRef, Error, Result, Tag, Tags, Timestamp};
use clap::{Args, Subcommand};

use crate::changing::Changing;
use crate::context::Context;
use crate::failures::Failure;
use crate::filter::FilterArgs;
use crate::selection::Selection;

/// What to do with tags.
#[derive(Debug, Args)]
pub(crate) struct TagArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Add tags; each replaces the tag of the same key
    #[command(override_usage = "\
artifact tag add [OPTIONS] <URI|ID> <TAG>...
       artifact tag add [OPTIONS] <FLAGS THAT SELECT> <TAG>...")]
    #[command(after_help = "\
Without flags that select, the first word names the artifact and the others are tags: key=value, or
a bare key. With such flags every word is a tag. Of each artifact the newest version is changed.

Examples:
  artifact tag add artifact://demo/1/log/build.log branch=main reviewed
  artifact tag add --spec demo --task '4*' --type log kept
  artifact tag add --tag branch=main --days 7 --dry-run release=1.2")]
    Add(TagsOf),
    /// Replace all tags by these
    #[command(override_usage = "\
artifact tag set [OPTIONS] <URI|ID> <TAG>...
       artifact tag set [OPTIONS] <FLAGS THAT SELECT> <TAG>...")]
    #[command(after_help = "\
Examples:
  artifact tag set artifact://demo/1/log/build.log branch=main
  artifact tag set --spec demo --task 41 --dry-run branch=main")]
    Set(TagsOf),
    /// Remove tags: by key, or only where they have a value
    #[command(override_usage = "\
artifact tag remove [OPTIONS] <URI|ID> <KEY[=VALUE]>...
       artifact tag remove [OPTIONS] <FLAGS THAT SELECT> <KEY[=VALUE]>...")]
    #[command(after_help = "\
A tag that is not there is no error; how many artifacts were changed is said at the end.

Examples:
  artifact tag remove artifact://demo/1/log/build.log reviewed branch=dev
  artifact tag remove --tag reviewed --spec demo reviewed")]
    Remove(TagsOf),
}

/// Tags, and the artifacts whose they are.
#[derive(Debug, Args)]
struct TagsOf {
    /// The artifact, unless flags select some, and then tags
    #[arg(required = true, value_name = "URI|ID|TAG")]
    words: Vec<String>,
    #[command(flatten)]
    what: FilterArgs,
    /// All versions of what is selected, not only the newest of each artifact
    #[arg(long)]
    all_versions: bool,
    /// Say what would be changed and change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) async fn run(args: TagArgs, context: &Context) -> Result<(), Failure> {
    // What is wrong with the words is said before any store is opened.
    let (of, change) = match args.action {
        Action::Add(of) => {
            let tags = tags(of.tags()?)?;
            (of, Change::AddTags(tags))
        }
        Action::Set(of) => {
            let tags = tags(of.tags()?)?;
            (of, Change::SetTags(tags))
        }
        Action::Remove(of) => {
            let asked = of.tags()?.iter().map(|text| TagFilter::parse(text));
            let asked = asked.collect::<Result<_>>()?;
            (of, Change::RemoveTags(asked))
        }
    };
    let service = context.service().await?;
    let changing = Changing {
        selection: of.selection(service.now())?,
        change,
        dry_run: of.dry_run,
    };
    changing.run(&service, context, |_| ()).await
}

fn tags(words: &[String]) -> Result<Tags> {
    let tags: Vec<Tag> = words
        .iter()
        .map(|text| text.parse())
        .collect::<Result<_>>()?;
    Tags::from_tags(tags)
}

impl TagsOf {
    /// The words that are tags.
    fn tags(&self) -> Result<&[String]> {
        let tags = if self.what.is_empty() {
            &self.words[1..]
        } else {
            &self.words
        };
        if let Some(artifact) = tags.iter().find(|word| is_artifact(word)) {
            let hint = if self.what.is_empty() {
                "one artifact is named, before its tags"
            } else {
                "either name an artifact or select some by flags"
            };
            return Err(
                Error::invalid_input(format!("{artifact} is an artifact, not a tag"))
                    .with_hint(hint),
            );
        }
        if self.what.is_empty() {
            self.artifact()?;
            if self.all_versions {
                return Err(Error::invalid_input(
                    "--all-versions goes with flags that select, not with a named artifact",
                ));
            }
        }
        if tags.is_empty() {
            return Err(Error::invalid_input("no tag was named")
                .with_hint("write tags as key=value, or as key alone, behind the artifact"));
        }
        Ok(tags)
    }

    /// The artifact that is named first where no flags select.
    fn artifact(&self) -> Result<ArtifactRef> {
        let first = &self.words[0];
        first.parse().map_err(|error: Error| {
            if is_artifact(first) {
                return error;
            }
            Error::invalid_input(format!("`{first}` is neither a URI nor an id"))
                .with_hint("name the artifact first, or select some by flags such as --spec")
        })
    }

    fn selection(&self, now: Timestamp) -> Result<Selection> {
        if self.what.is_empty() {
            return Ok(Selection::Named(vec![self.artifact()?]));
        }
        let versions = if self.all_versions {
            Versions::All
        } else {
            Versions::Newest
        };
        Ok(Selection::filtered(&self.what, now, versions))
    }
}

/// Whether somebody who writes this means an artifact.
fn is_artifact(word: &str) -> bool {
    word.starts_with("artifact://") || word.parse::<ArtifactRef>().is_ok()
}

//! What is to be uploaded, one thing after another: a thread looks for it while uploads run, and is
//! never far ahead of them. Knows what is stored only to hand it on.

use std::ops::ControlFlow;
use std::path::PathBuf;

use artifact_domain::{ArtifactRecord, Error, ErrorKind, Result};
use futures::stream::{self, Stream};
use tokio::sync::mpsc;

use super::one::Plan;
use super::sources::{Argument, Source};
use super::unchanged::Stored;
use super::walk::{Found, LeftOut, walk};
use crate::progress::Progress;

/// How far the walk may be ahead, in things found. Of a tree with fewer, all are counted before the
/// first few are stored, so that progress has a total; this many take some 5 MiB.
const AHEAD: usize = 16 * 1024;

/// What to do next.
#[derive(Debug)]
pub(super) enum Job {
    Upload(Source, Before),
    LeftOut(LeftOut, PathBuf),
    Failed(Error),
}

/// What is known of the versions that a source would come after.
#[derive(Debug)]
pub(super) enum Before {
    /// Nobody wants to know.
    NotAsked,
    /// Nothing yet.
    Unknown,
    /// The newest of this name, one per type.
    Newest(Vec<ArtifactRecord>),
}

/// What the thread tells.
#[derive(Debug)]
enum Step {
    /// The names that follow ascend.
    Folder,
    /// One source by itself.
    Single(Source),
    /// Something in the folder.
    Found(Found),
    /// That was all. Without it the thread has died.
    End,
}

/// The jobs of one command.
pub(super) struct Queue<'a> {
    plan: &'a Plan,
    steps: mpsc::Receiver<Step>,
    stored: Option<Stored>,
}

impl<'a> Queue<'a> {
    /// Begins to look. Whatever is found below `base_path` is the store's own.
    pub(super) fn start(
        arguments: Vec<Argument>,
        base_path: Option<PathBuf>,
        plan: &'a Plan,
    ) -> Self {
        let (sender, steps) = mpsc::channel(AHEAD);
        let progress = plan.progress.clone();
        tokio::task::spawn_blocking(move || {
            look(arguments, base_path.as_deref(), &sender, &progress);
        });
        Self {
            plan,
            steps,
            stored: None,
        }
    }

    /// The jobs, until there are no more or the user wants to stop. An error of the index is a job
    /// that failed, and the last one.
    pub(super) fn into_stream(self) -> impl Stream<Item = Job> + use<'a> {
        stream::unfold(Some(self), |queue| async {
            let mut queue = queue?;
            match queue.next().await {
                Ok(None) => None,
                Ok(Some(job)) => Some((job, Some(queue))),
                Err(error) => Some((Job::Failed(error), None)),
            }
        })
    }

    async fn next(&mut self) -> Result<Option<Job>> {
        let plan = self.plan;
        loop {
            let step = self.steps.recv().await;
            if plan.interrupt.is_requested() {
                return Ok(None);
            }
            let step = step.ok_or_else(|| {
                Error::new(ErrorKind::Internal, "the search for files stopped half-way")
            })?;
            let (source, in_folder) = match step {
                Step::End => return Ok(None),
                Step::Found(Found::LeftOut(what, path)) => {
                    return Ok(Some(Job::LeftOut(what, path)));
                }
                Step::Found(Found::Failed(error)) => return Ok(Some(Job::Failed(error))),
                Step::Found(Found::Source(source)) => (source, true),
                Step::Single(source) => (source, false),
                Step::Folder => {
                    self.stored = plan.skip_unchanged.then(|| {
                        let artifact_type = plan.about.artifact_type.as_ref();
                        Stored::in_task(
                            &plan.service,
                            &plan.about.spec,
                            &plan.about.task,
                            artifact_type,
                        )
                    });
                    continue;
                }
            };
            let before = match &mut self.stored {
                Some(stored) if in_folder => Before::Newest(stored.of(&source.name).await?),
                _ if plan.skip_unchanged => Before::Unknown,
                _ => Before::NotAsked,
            };
            return Ok(Some(Job::Upload(source, before)));
        }
    }
}

/// Tells of everything that the arguments stand for, until nobody listens.
fn look(
    arguments: Vec<Argument>,
    base_path: Option<&std::path::Path>,
    sender: &mpsc::Sender<Step>,
    progress: &Progress,
) {
    let (mut files, mut bytes) = (0_u64, Some(0_u64));
    let mut count = |source: &Source| {
        files += 1;
        bytes = bytes.zip(source.size_bytes).map(|(sum, size)| sum + size);
    };
    let send = |step| match sender.blocking_send(step) {
        Ok(()) => ControlFlow::Continue(()),
        Err(_) => ControlFlow::Break(()),
    };
    for argument in arguments {
        let told = match argument {
            Argument::Single(source) => {
                count(&source);
                send(Step::Single(source))
            }
            Argument::Folder(path) => {
                if send(Step::Folder).is_break() {
                    return;
                }
                walk(&path, base_path, |found| {
                    if let Found::Source(source) = &found {
                        count(source);
                    }
                    send(Step::Found(found))
                })
            }
        };
        if told.is_break() {
            return;
        }
    }
    progress.set_totals(bytes, files);
    // Whoever does not listen any more has no need to know.
    let _ = sender.blocking_send(Step::End);
}

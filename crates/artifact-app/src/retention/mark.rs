//! Which rules everything stored was last held against: a mark in the index. As long as it stands
//! for the rules in force, cleanup need not look at every record. Must not know what the rules say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use artifact_domain::{Result, Timestamp};

use crate::Store;

/// For how long an uploader believes that the mark is not another's.
const BELIEVED: Duration = Duration::from_secs(1);

/// What stands before the rules once everything was held against them, and while it is.
const DONE: &str = "done";
const UNDER_WAY: &str = "under-way";

/// When the mark was last compared, so that not every small upload has to ask the index.
#[derive(Debug, Default)]
pub(crate) struct Compared(Mutex<Option<Timestamp>>);

impl Compared {
    fn is_recent(&self, now: Timestamp) -> bool {
        self.last()
            .is_some_and(|last| last <= now && last.until(now) < BELIEVED)
    }

    fn last(&self) -> std::sync::MutexGuard<'_, Option<Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A look at every record that has begun: what it has written as the mark.
#[derive(Debug)]
pub(super) struct UnderWay(String);

impl Store {
    /// Takes the mark away if it stands for other rules than those that this store stamps by, before
    /// anything is stamped: whoever is killed between storing it and looking at the mark afterwards
    /// has told the next cleanup to look at everything all the same.
    ///
    /// It is not believed as one that comes afterwards is: a cleanup that looks at everything may
    /// begin after this and pass by before the stamp is stored.
    pub(crate) async fn take_mark_ahead(&self) {
        self.compare_mark(|_| {}).await;
    }

    /// The same after something was stamped and stored. A cleanup that was over before this is
    /// noticed; one that begins after it sees what was stored.
    ///
    /// Asks the index once a second at most. So one cleanup may go unnoticed: one by other rules that
    /// begins to look at everything less than a second after this process has last asked, and has
    /// passed by when the stamp is stored; until this process stores something later. Asking for
    /// every upload would close that gap, and cost each small one a question. What comes of it is
    /// bounded: cleanup deletes by the rules and never by the stamp, so nothing goes that the rules
    /// in force keep; reads follow the stamp until what it says is over, when cleanup finds it, or
    /// until the rules change.
    pub(crate) async fn compare_retention_mark(&self) {
        self.compare_mark(|now| *self.compared.last() = Some(now))
            .await;
    }

    /// A failure is only logged: what was stored is stored, and stamped by rules that somebody
    /// wanted.
    async fn compare_mark(&self, believe: impl FnOnce(Timestamp)) {
        let now = self.now();
        if self.compared.is_recent(now) {
            return;
        }
        match self.take_foreign_mark().await {
            Ok(()) => believe(now),
            Err(error) => {
                tracing::warn!(error = %error, "the mark of retention could not be compared");
            }
        }
    }

    async fn take_foreign_mark(&self) -> Result<()> {
        let index = &self.ports.index;
        let mark = index.retention_mark().await?;
        if let Some(mark) = mark
            && mark.split(' ').nth(1) != Some(self.rules()?.as_str())
        {
            index.set_retention_mark(Some(mark), None).await?;
        }
        Ok(())
    }

    /// Takes the mark away: something was stored that its time of expiry came along with.
    pub(crate) async fn forget_retention_mark(&self) -> Result<()> {
        let index = &self.ports.index;
        while let Some(mark) = index.retention_mark().await? {
            if index.set_retention_mark(Some(mark), None).await? {
                break;
            }
        }
        Ok(())
    }

    /// Whether everything stored was held against the rules in force.
    pub(super) async fn is_marked(&self) -> Result<bool> {
        let index = &self.ports.index;
        let mark = self
            .retrying("retention_mark", || index.retention_mark())
            .await?;
        Ok(mark == Some(format!("{DONE} {}", self.rules()?)))
    }

    /// Says that everything is being held against the rules in force.
    pub(super) async fn begin_marking(&self) -> Result<UnderWay> {
        let index = &self.ports.index;
        let mark = format!("{UNDER_WAY} {} {}", self.rules()?, self.new_id()?);
        loop {
            let present = index.retention_mark().await?;
            if index
                .set_retention_mark(present, Some(mark.clone()))
                .await?
            {
                return Ok(UnderWay(mark));
            }
        }
    }

    /// Says that everything was held against the rules in force, unless somebody stored something
    /// by other rules meanwhile.
    pub(super) async fn finish_marking(&self, begun: UnderWay) -> Result<()> {
        let done = format!("{DONE} {}", self.rules()?);
        let index = &self.ports.index;
        index
            .set_retention_mark(Some(begun.0), Some(done))
            .await
            .map(drop)
    }

    /// The rules as one word.
    fn rules(&self) -> Result<String> {
        let text = self.options.retention.fingerprint();
        let digest = crate::digest(&mut text.as_bytes()).map_err(|cause| {
            artifact_domain::Error::new(
                artifact_domain::ErrorKind::Internal,
                "the rules of retention have no digest",
            )
            .with_source(cause)
        })?;
        Ok(digest.to_string())
    }
}

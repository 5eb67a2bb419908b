//! What is asked of a server about its settings and its store as a whole: rules, index, locks, bucket. Prints
//! nothing.

use artifact_api::{
    BucketReport, HealthCheck, HealthReport, LockStatus, ReindexEvent, ReindexReport, Unlocked,
};
use artifact_app::view;
use artifact_bootstrap::BucketJob;
use artifact_bootstrap::settings::Retention;
use artifact_domain::{ArtifactRef, Error, Result};

use super::reports::named;
use super::upkeep::{Told, flags, tell};
use super::{Remote, Service};

impl Service {
    /// Whether an artifact is locked, and by whom.
    pub(crate) async fn lock_status(&self, artifact: &ArtifactRef) -> Result<LockStatus> {
        match self {
            Self::Local(local) => {
                let status = local.store.lock_status(artifact).await?;
                Ok(view::upkeep::lock_status(&status))
            }
            Self::Remote(remote) => remote.client.get("/locks", &[named(artifact)]).await,
        }
    }

    /// Breaks the lock of an artifact, or says whether there is one.
    pub(crate) async fn break_lock(
        &self,
        artifact: &ArtifactRef,
        dry_run: bool,
    ) -> Result<Unlocked> {
        match self {
            Self::Local(local) => {
                let broken = local.store.break_lock(artifact, dry_run).await?;
                Ok(view::upkeep::unlocked(&broken, dry_run))
            }
            Self::Remote(remote) => {
                let pairs = [vec![named(artifact)], flags(&[("dry_run", dry_run)])].concat();
                remote.client.take("/locks", &pairs).await
            }
        }
    }
}

impl Remote {
    /// The rules by which artifacts expire.
    pub(crate) async fn retention(&self) -> Result<Retention> {
        self.client.get("/retention", &[]).await
    }

    /// Takes into the index what is not in it.
    pub(crate) async fn reindex(
        &self,
        recover: bool,
        told: &(dyn Fn(ReindexEvent) + Send + Sync),
    ) -> Result<ReindexReport> {
        let pairs = flags(&[("recover", recover)]);
        let lines = self.client.post_lines("/reindex", &pairs, None).await?;
        let report: ReindexReport = tell(lines, &mut Each(told)).await?;
        told(ReindexEvent::Progress(report));
        Ok(report)
    }

    /// Tries whether everything works.
    pub(crate) async fn doctor(&self, told: impl FnMut(HealthCheck) + Send) -> Result<()> {
        let lines = self.client.post_lines("/doctor", &[], None).await?;
        let _: HealthReport = tell(lines, &mut Each(told)).await?;
        Ok(())
    }

    /// The rules by which the bucket moves and deletes.
    pub(crate) async fn lifecycle(&self, no_expire: bool, job: BucketJob) -> Result<BucketReport> {
        self.bucket("/bucket/lifecycle", flags(&[("no_expire", no_expire)]), job)
            .await
    }

    /// The rule by which pages of the web may use signed URLs.
    pub(crate) async fn cors(
        &self,
        origins: Vec<String>,
        read_only: bool,
        job: BucketJob,
    ) -> Result<BucketReport> {
        let mut pairs = flags(&[("read_only", read_only)]);
        let origins = origins.into_iter();
        pairs.extend(origins.map(|origin| ("origin".to_owned(), origin)));
        self.bucket("/bucket/cors", pairs, job).await
    }

    /// What credentials must be allowed; compared with what the bucket allows to a principal, or allowed to him.
    pub(crate) async fn policy(
        &self,
        with_rules: bool,
        principal: Option<String>,
        job: BucketJob,
    ) -> Result<BucketReport> {
        let mut pairs = flags(&[("with_rules", with_rules)]);
        pairs.extend(principal.map(|principal| ("principal".to_owned(), principal)));
        match job {
            BucketJob::Show | BucketJob::Check => self.client.get("/bucket/policy", &pairs).await,
            BucketJob::Apply { dry_run } => {
                pairs.extend(flags(&[("dry_run", dry_run)]));
                self.client.set("/bucket/policy", &pairs).await
            }
        }
    }

    async fn bucket(
        &self,
        path: &str,
        mut pairs: Vec<(String, String)>,
        job: BucketJob,
    ) -> Result<BucketReport> {
        match job {
            BucketJob::Show => self.client.get(path, &pairs).await,
            BucketJob::Check => {
                pairs.extend(flags(&[("compare", true)]));
                self.client.get(path, &pairs).await
            }
            BucketJob::Apply { dry_run } => {
                pairs.extend(flags(&[("dry_run", dry_run)]));
                self.client.set(path, &pairs).await
            }
        }
    }
}

/// Who is told of items, none of which fails by itself.
pub(super) struct Each<F>(pub(super) F);

impl<T, F: FnMut(T) + Send> Told<T> for Each<F> {
    fn item(&mut self, item: T) {
        (self.0)(item);
    }

    fn failed(&mut self, error: Error) {
        tracing::warn!(%error, "the server tells of what is no item");
    }
}

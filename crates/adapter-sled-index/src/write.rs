//! The changes of the index, each on a [`Change`]. The rules of what may follow what are those of
//! the domain; here is only what to read and what to put.

use artifact_domain::policy::Reservation;
use artifact_domain::port::{CommitUpload, Committed, NewUpload, Supersede};
use artifact_domain::{
    ArtifactId, ArtifactRecord, Error, ErrorKind, Result, State, Timestamp, Version,
};

use crate::change::Change;
use crate::read;

pub(crate) fn begin(change: &mut Change<'_>, upload: NewUpload) -> Result<ArtifactRecord> {
    if read::find(change.engine(), upload.id)?.is_some() {
        let message = format!("the id {} is known already", upload.id);
        return Err(Error::new(ErrorKind::AlreadyExists, message));
    }
    let reservation = upload.reservation;
    reservation.admit(others(change, reservation)?)?;
    let highest = read::versions(change.engine(), &upload.coordinate)?.next();
    let version = match highest.transpose()? {
        Some((version, _)) => version.next()?,
        None => Version::FIRST,
    };
    let record = ArtifactRecord::begin(upload, version);
    change.insert(&record)?;
    Ok(record)
}

pub(crate) fn renew(change: &mut Change<'_>, id: ArtifactId, lease_until: Timestamp) -> Result<()> {
    let old = known(change, id)?;
    let new = old.clone().renewed(lease_until)?;
    change.replace(&old, &new)
}

pub(crate) fn reserve(
    change: &mut Change<'_>,
    id: ArtifactId,
    reservation: Reservation,
) -> Result<()> {
    let old = known(change, id)?;
    let all = others(change, reservation)?;
    let new = old.clone().reserving(reservation, all)?;
    change.replace(&old, &new)
}

/// All that is stored or reserved, where the limit of a reservation makes that matter.
fn others(change: &mut Change<'_>, reservation: Reservation) -> Result<u64> {
    match reservation.limit_bytes {
        Some(_) => change.held_bytes(),
        None => Ok(0),
    }
}

pub(crate) fn commit(change: &mut Change<'_>, commit: &CommitUpload) -> Result<Committed> {
    let old = known(change, commit.id)?;
    let Some(mut record) = old.clone().committed(commit)? else {
        return Ok(Committed {
            record: old,
            superseded: Vec::new(),
        });
    };
    let mut superseded = Vec::new();
    if commit.supersede == Supersede::Older {
        for item in read::versions(change.engine(), &old.coordinate)? {
            let (version, entry) = item?;
            if !entry.live {
                continue;
            }
            if version > old.version {
                // It is one change with the commit, so the revision grows once.
                record.state = State::Deleted;
                continue;
            }
            let older = read::expect(change.engine(), entry.id)?;
            if older.hold.is_none() {
                let gone = older.clone().superseded();
                change.replace(&older, &gone)?;
                superseded.push(gone);
            }
        }
    }
    change.replace(&old, &record)?;
    if let Some(seek_table) = &commit.seek_table {
        change.insert_seek_table(record.id, seek_table)?;
    }
    Ok(Committed { record, superseded })
}

pub(crate) fn update(change: &mut Change<'_>, record: ArtifactRecord) -> Result<ArtifactRecord> {
    let old = known(change, record.id)?;
    let new = old.replaced_by(record)?;
    change.replace(&old, &new)?;
    Ok(new)
}

pub(crate) fn remove(change: &mut Change<'_>, id: ArtifactId) -> Result<()> {
    let Some(record) = read::find(change.engine(), id)? else {
        return Ok(());
    };
    record.check_removable()?;
    change.remove(&record)
}

fn known(change: &Change<'_>, id: ArtifactId) -> Result<ArtifactRecord> {
    read::find(change.engine(), id)?.ok_or_else(|| {
        Error::new(
            ErrorKind::NotFound,
            format!("no artifact has the id {id} (any more)"),
        )
    })
}

//! Whether a folder does what the store needs of it: tried with a file of its own, which is always
//! taken away. Knows no blobs.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use artifact_domain::{Check, Timestamp};

use super::modified_at;
use crate::error::from_io;

const CONTENT: &[u8] = b"0123456789 artifact doctor";

/// What the names of the doctor's files begin with.
const NAME: &str = ".doctor-";

/// How old a file is that nobody uses any more: a doctor takes no minute here.
const LEFT_AFTER: Duration = Duration::from_hours(24);

/// From how little free space on somebody should look at it.
const LOW_BYTES: u64 = 1 << 30;

/// Goes through all checks of a folder and tells each as it ends. Blocks.
pub fn examine_folder(root: &Path, now: Timestamp, tell: &mut dyn FnMut(Check)) {
    let shown = root.display();
    if let Err(cause) = fs::create_dir_all(root) {
        let doing = format!("open the folder `{shown}`");
        return tell(Check::fail("folder", &from_io(doing, cause)));
    }
    tell(Check::ok("folder", format!("`{shown}` is there")));
    tell(permissions(root));
    let mut steps: [(&'static str, &'static str, Step); 3] = [
        ("write", "a file can be written and synced", write),
        (
            "rename",
            "a file can be renamed into place, durably",
            rename,
        ),
        ("read", "what was written can be read", read),
    ];
    let probe = Probe::new(root);
    for (name, said, step) in &mut steps {
        match step(&probe) {
            Ok(()) => tell(Check::ok(name, *said)),
            Err(cause) => {
                let doing = format!("{name} a file in `{shown}`");
                tell(Check::fail(name, &from_io(doing, cause)));
                break;
            }
        }
    }
    match leftovers(root, now.saturating_sub(LEFT_AFTER)) {
        Ok(0) => {}
        Ok(count) => {
            let said = format!("took away {count} of what a doctor had left that was killed");
            tell(Check::ok("leftovers", said));
        }
        Err(cause) => {
            let doing = format!("take away what a doctor has left in `{shown}`");
            tell(Check::fail("leftovers", &from_io(doing, cause)));
        }
    }
    match probe.clear() {
        Ok(()) => tell(Check::ok("delete", "a file can be deleted")),
        Err(cause) => {
            let doing = format!("delete a file in `{shown}`");
            tell(Check::fail("delete", &from_io(doing, cause)));
        }
    }
    tell(space(root));
}

type Step = fn(&Probe) -> io::Result<()>;

/// A file before and after its renaming, beside the blobs and outside of what listings see.
struct Probe {
    root: PathBuf,
    before: PathBuf,
    after: PathBuf,
}

impl Probe {
    fn new(root: &Path) -> Self {
        let name = format!("{NAME}{}", std::process::id());
        Self {
            root: root.to_owned(),
            before: root.join(format!("{name}.new")),
            after: root.join(name),
        }
    }

    fn clear(&self) -> io::Result<()> {
        for path in [&self.before, &self.after] {
            match fs::remove_file(path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Takes away the files of doctors that were killed before that; how many.
fn leftovers(root: &Path, before: Timestamp) -> io::Result<u64> {
    let mut count = 0;
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        if !is_of_a_doctor(&entry.file_name()) {
            continue;
        }
        // Another doctor may be at the same.
        let Ok(known) = entry.metadata() else {
            continue;
        };
        let is_old = modified_at(&known).is_some_and(|written| written < before);
        if known.is_file() && is_old {
            match fs::remove_file(entry.path()) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => count += 1,
            }
        }
    }
    Ok(count)
}

/// Whether a doctor gives its files such a name: nothing else is touched.
fn is_of_a_doctor(name: &OsStr) -> bool {
    let number = name.to_str().and_then(|name| name.strip_prefix(NAME));
    let number = number.map(|rest| rest.strip_suffix(".new").unwrap_or(rest));
    number.is_some_and(|number| number.parse::<u32>().is_ok())
}

fn write(probe: &Probe) -> io::Result<()> {
    let mut file = File::create(&probe.before)?;
    file.write_all(CONTENT)?;
    file.sync_all()
}

fn rename(probe: &Probe) -> io::Result<()> {
    fs::rename(&probe.before, &probe.after)?;
    if cfg!(unix) {
        File::open(&probe.root)?.sync_all()?;
    }
    Ok(())
}

fn read(probe: &Probe) -> io::Result<()> {
    if fs::read(&probe.after)? == CONTENT {
        return Ok(());
    }
    Err(io::Error::other("what was read is not what was written"))
}

#[cfg(unix)]
fn permissions(root: &Path) -> Check {
    use std::os::unix::fs::PermissionsExt;
    const NAME: &str = "permissions";
    const EVERYBODY_WRITES: u32 = 0o002;
    match fs::metadata(root) {
        Ok(known) if known.permissions().mode() & EVERYBODY_WRITES != 0 => Check::warn(
            NAME,
            format!(
                "everybody on this machine may write to `{}`",
                root.display()
            ),
            format!("`chmod o-w {}`", root.display()),
        ),
        Ok(_) => Check::ok(NAME, "not everybody on this machine may write there"),
        Err(cause) => Check::fail(NAME, &from_io("look at the folder", cause)),
    }
}

#[cfg(not(unix))]
fn permissions(_: &Path) -> Check {
    Check::ok("permissions", "not looked at on this system")
}

#[cfg(target_os = "linux")]
fn space(root: &Path) -> Check {
    const NAME: &str = "space";
    match rustix::fs::statvfs(root) {
        Ok(known) => free(NAME, known.f_bavail.saturating_mul(known.f_frsize)),
        Err(cause) => Check::fail(NAME, &from_io("ask for the free space", cause.into())),
    }
}

#[cfg(not(target_os = "linux"))]
fn space(_: &Path) -> Check {
    Check::ok("space", "not looked at on this system")
}

#[cfg(target_os = "linux")]
fn free(name: &'static str, bytes: u64) -> Check {
    let message = format!("{} MB are free", bytes / 1_000_000);
    if bytes < LOW_BYTES {
        let hint = "free some space, or let `artifact cleanup` and `artifact gc` do so";
        return Check::warn(name, message, hint);
    }
    Check::ok(name, message)
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use artifact_domain::{CheckOutcome, ErrorKind};

    use super::*;

    fn examined(root: &Path) -> Vec<Check> {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap();
        let now = Timestamp::UNIX_EPOCH.saturating_add(since);
        let mut checks = Vec::new();
        examine_folder(root, now, &mut |check| checks.push(check));
        checks
    }

    #[test]
    fn a_folder_that_works_is_found_so_and_left_empty() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("new");
        let checks = examined(&root);
        let names: Vec<_> = checks.iter().map(|check| check.name).collect();
        let expected = [
            "folder",
            "permissions",
            "write",
            "rename",
            "read",
            "delete",
            "space",
        ];
        assert_eq!(names, expected);
        let failed = |check: &Check| matches!(check.outcome, CheckOutcome::Fail(_));
        assert!(!checks.iter().any(failed), "{checks:?}");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 0);
    }

    #[test]
    fn what_killed_doctors_have_left_goes_after_a_day() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, age: Duration| {
            let path = folder.path().join(name);
            fs::write(&path, CONTENT).unwrap();
            let file = File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
            path
        };
        let old = write(".doctor-1.new", LEFT_AFTER + Duration::from_mins(1));
        let young = write(".doctor-2", Duration::from_hours(23));
        let others = ["doctor-3", ".doctor-", ".doctor-notes", ".doctor-4.newer"]
            .map(|name| write(name, LEFT_AFTER * 2));
        let told = |checks: &[Check]| checks.iter().any(|check| check.name == "leftovers");
        assert!(told(&examined(folder.path())));
        assert!(!old.exists());
        assert!(young.exists() && others.iter().all(|other| other.exists()));
        assert!(!told(&examined(folder.path())));
    }

    #[test]
    fn what_is_no_folder_fails_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let checks = examined(&file.join("below"));
        let outcomes: Vec<_> = checks.iter().map(|check| check.outcome).collect();
        assert_eq!(outcomes, [CheckOutcome::Fail(ErrorKind::InvalidInput)]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn little_space_is_said() {
        assert_eq!(free("space", LOW_BYTES).outcome, CheckOutcome::Ok);
        assert_eq!(free("space", LOW_BYTES - 1).outcome, CheckOutcome::Warn);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_everybody_may_write_to_is_said() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let outcome = examined(folder.path())[1].outcome;
        assert_eq!(outcome, CheckOutcome::Warn);
    }
}

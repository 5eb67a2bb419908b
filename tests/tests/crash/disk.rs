//! A disk of its own: a file system in a file, whose power can be cut. Only root may mount it.
//! Knows no store.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

/// Room for a store; the file is sparse.
const SIZE_BYTES: u64 = 512 << 20;

/// How long any step of mounting may take, in seconds.
const LIMIT: &str = "30";

/// Stops a file system at once: what is not on the disk by then never gets there. The numbers are
/// `EXT4_IOC_SHUTDOWN` and `EXT4_GOING_FLAGS_NOLOGFLUSH` of the kernel's `fs/ext4/ext4.h`.
const CUT: &str = "import fcntl, os, struct, sys\n\
                   folder = os.open(sys.argv[1], os.O_RDONLY)\n\
                   fcntl.ioctl(folder, 0x8004587D, struct.pack('I', 2))";

/// Waits until its input ends, however the test does, and unmounts what is mounted by then.
const UNMOUNT: &str = r#"
    trap "" HUP INT TERM
    cat >/dev/null
    for attempt in $(seq 30); do
        grep -q " $1 " /proc/self/mounts || exit 0
        timeout 10 umount "$1" && exit 0
        sleep 0.1
    done
    umount --lazy "$1"
"#;

/// An ext4 in a file, mounted until it is dropped, or the test is killed.
#[derive(Debug)]
pub(crate) struct Disk {
    image: PathBuf,
    place: PathBuf,
    /// A process of its own, which outlives the test if that is killed.
    unmounting: Child,
}

impl Disk {
    /// Makes one and mounts it, or says that this machine does not let us.
    pub(crate) fn mount(image: PathBuf, place: &Path) -> Option<Self> {
        let file = File::create(&image).expect("a file can be made");
        file.set_len(SIZE_BYTES).expect("it can be sparse");
        fs::create_dir_all(place).expect("a folder can be made");
        // As the table of mounts has it.
        let place = place.components().collect::<PathBuf>();
        let unmounting = Command::new("sh")
            .args(["-c", UNMOUNT, "sh"])
            .arg(&place)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .expect("a shell can be started");
        let disk = Self {
            image,
            place,
            unmounting,
        };
        let image = disk.image.to_str().expect("paths of tests are text");
        let is_made = succeeds("mkfs.ext4", &["-q", "-F", image]);
        if is_made && disk.is_mounted_again() && disk.cuts() {
            return Some(disk);
        }
        #[expect(clippy::print_stderr, reason = "what is not tried must be said")]
        {
            eprintln!(
                "NOT TRIED: the loss of power, since no ext4 may be mounted and cut off here"
            );
        }
        None
    }

    /// Mounts it; with the loop device that it takes, and gives back when it is unmounted.
    fn is_mounted_again(&self) -> bool {
        let (image, place) = (self.image.to_str(), self.place.to_str());
        let [image, place] = [image, place].map(|path| path.expect("paths of tests are text"));
        // Nothing gets to the disk by and by: only what is synced does.
        let options = "loop,commit=900";
        succeeds("mount", &["-t", "ext4", "-o", options, image, place])
    }

    /// Whether it can be cut off, and then loses what was not synced: else nothing is tested.
    fn cuts(&self) -> bool {
        // Somebody else may sync all disks of the machine just then.
        const ATTEMPTS: usize = 5;
        if !self.has_lost_power() {
            return false;
        }
        self.power_on();
        for _ in 0..ATTEMPTS {
            let lost = self.place.join("lost");
            fs::write(&lost, "not synced").expect("files can be written");
            self.cut_power();
            self.power_on();
            if fs::read(&lost).is_ok_and(|bytes| bytes == b"not synced") {
                fs::remove_file(&lost).expect("files can be removed");
                continue;
            }
            return true;
        }
        panic!("a cut loses nothing: it would show nothing");
    }

    fn has_lost_power(&self) -> bool {
        let place = self.place.to_str().expect("paths of tests are text");
        succeeds("python3", &["-c", CUT, place])
    }

    /// Cuts the power: from now on everything fails, until it is on again.
    pub(crate) fn cut_power(&self) {
        assert!(self.has_lost_power(), "the power could not be cut");
    }

    /// Lets the disk come back, as after a start of the machine.
    pub(crate) fn power_on(&self) {
        assert!(self.is_unmounted(), "{} is busy", self.place.display());
        assert!(self.is_mounted_again(), "the disk cannot be mounted again");
    }

    fn is_unmounted(&self) -> bool {
        const ATTEMPTS: usize = 50;
        let place = self.place.to_str().expect("paths of tests are text");
        (0..ATTEMPTS).any(|_| {
            let is_done = succeeds("umount", &[place]) || !is_mounted(&self.place);
            if !is_done {
                // Somebody who was killed has not let go yet.
                thread::sleep(Duration::from_millis(100));
            }
            is_done
        })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.unmounting.stdin.take());
        // It gives up waiting by itself; what it leaves mounted goes once nobody uses it.
        let _ = self.unmounting.wait();
    }
}

fn is_mounted(place: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let place = place.to_string_lossy();
    mounts
        .lines()
        .any(|line| line.split(' ').nth(1) == Some(&place))
}

/// Runs a program to its end, but not for ever.
fn succeeds(program: &str, args: &[&str]) -> bool {
    let status = Command::new("timeout")
        .args(["--kill-after=5", LIMIT, program])
        .args(args)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}

//! What each way of making many small files durable costs, on bare system calls: files a second
//! from 16 threads, and the processor's time for each. `docs/adr/0004-group-durability.md` chose
//! among them.
//!
//! `cargo bench -p adapter-opendal --bench schemes [-- DIRECTORY]`. The ways take turns, round by
//! round, since a shared disk is slow and fast by turns; medians are printed.

#![allow(missing_docs, reason = "a benchmark has no callers")]
#![allow(clippy::print_stdout, reason = "what it measures is what it prints")]
#![allow(
    clippy::unwrap_used,
    reason = "a benchmark that fails has nothing to say"
)]

#[cfg(target_os = "linux")]
mod linux {
    use std::fs::{self, File, OpenOptions};
    use std::io::Write;
    use std::os::fd::AsRawFd;
    use std::path::{Path, PathBuf};
    use std::sync::{Condvar, Mutex};
    use std::time::{Duration, Instant};

    use rustix::fs::{AtFlags, CWD, Mode, OFlags, linkat, open, syncfs};

    /// What 4 KiB of a log come to when they are compressed.
    const BODY: [u8; 700] = [7; 700];
    const FILES: usize = 4_000;
    const THREADS: usize = 16;
    const ROUNDS: usize = 7;

    type Way = (&'static str, fn(&Place, usize));

    const WAYS: [Way; 8] = [
        (
            "a named file in its folder, fdatasync, rename, fsync of the folder",
            |place, n| {
                place.named(&place.folder, n, true);
                sync(&place.folder);
            },
        ),
        ("the same, named in another folder", |place, n| {
            place.named(&place.temporary, n, true);
            sync(&place.folder);
        }),
        (
            "an unnamed file, fdatasync, link, fsync of file and folder",
            |place, n| {
                place.unnamed(n, true);
                sync(&place.folder);
            },
        ),
        ("the same, the fsync of the folder shared", |place, n| {
            place.unnamed(n, true);
            place.group.wait(|| sync(&place.folder));
        }),
        ("an unnamed file, link, syncfs shared", |place, n| {
            place.unnamed(n, false);
            place.group.wait(|| syncfs(&place.root).unwrap());
        }),
        (
            "a log with a shared fdatasync, an unnamed file, link",
            |place, n| {
                place.log();
                place.unnamed(n, false);
            },
        ),
        ("no sync: a named file in its folder, rename", |place, n| {
            place.named(&place.folder, n, false);
        }),
        ("no sync: an unnamed file, link", |place, n| {
            place.unnamed(n, false);
        }),
    ];

    pub(super) fn main() {
        // cargo adds flags of its own.
        let directory = std::env::args().skip(1).find(|arg| !arg.starts_with('-'));
        let directory = directory.map_or_else(std::env::temp_dir, PathBuf::from);
        // All are removed in the end alone: file systems take their time to use again what was
        // removed.
        let mut places = Vec::new();
        let mut measured: [Vec<(f64, f64)>; WAYS.len()] = Default::default();
        for _ in 0..ROUNDS {
            for ((_, way), measured) in WAYS.iter().zip(&mut measured) {
                let place = Place::new(&directory);
                measured.push(measure(&place, *way));
                places.push(place);
            }
        }
        println!("| way | files/s (lowest to highest) | CPU µs of each |\n| --- | --- | --- |");
        for ((name, _), measured) in WAYS.iter().zip(&mut measured) {
            measured.sort_by(|one, other| one.0.total_cmp(&other.0));
            let (low, high) = (measured[0].0, measured[ROUNDS - 1].0);
            let median = measured[ROUNDS / 2].0;
            measured.sort_by(|one, other| one.1.total_cmp(&other.1));
            let cpu = measured[ROUNDS / 2].1;
            println!("| {name} | {median:.0} ({low:.0} to {high:.0}) | {cpu:.0} |");
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    fn measure(place: &Place, way: fn(&Place, usize)) -> (f64, f64) {
        let (cpu, begun) = (cpu_time(), Instant::now());
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    (thread..FILES).step_by(THREADS).for_each(|n| way(place, n));
                });
            }
        });
        let (elapsed, cpu) = (begun.elapsed(), cpu_time().saturating_sub(cpu));
        let files = FILES as f64;
        (
            files / elapsed.as_secs_f64(),
            cpu.as_secs_f64() * 1e6 / files,
        )
    }

    /// Processor time of this process, by its ticks of a hundredth of a second.
    fn cpu_time() -> Duration {
        let line = fs::read_to_string("/proc/self/stat").unwrap();
        let (_, fields) = line.rsplit_once(')').unwrap();
        let ticks = fields.split_whitespace().skip(11).take(2);
        Duration::from_millis(ticks.map(|n| n.parse::<u64>().unwrap() * 10).sum())
    }

    /// Where one round of one way puts its files.
    struct Place {
        _directory: tempfile::TempDir,
        root: File,
        folder: PathBuf,
        temporary: PathBuf,
        group: Group,
        log: File,
        pending: Mutex<Vec<u8>>,
    }

    impl Place {
        fn new(directory: &Path) -> Self {
            let directory = tempfile::tempdir_in(directory).unwrap();
            let folder = directory.path().join("artifacts/spec/task/output/data");
            let temporary = directory.path().join(".tmp");
            fs::create_dir_all(&folder).unwrap();
            fs::create_dir(&temporary).unwrap();
            let log = OpenOptions::new()
                .create(true)
                .append(true)
                .open(directory.path().join("log"));
            Self {
                root: File::open(directory.path()).unwrap(),
                folder,
                temporary,
                group: Group::default(),
                log: log.unwrap(),
                pending: Mutex::default(),
                _directory: directory,
            }
        }

        fn named(&self, beside: &Path, n: usize, syncs: bool) {
            let temporary = beside.join(format!("{n}.tmp"));
            let mut file = File::create_new(&temporary).unwrap();
            file.write_all(&BODY).unwrap();
            if syncs {
                file.sync_data().unwrap();
            }
            fs::rename(&temporary, self.folder.join(n.to_string())).unwrap();
        }

        fn unnamed(&self, n: usize, syncs: bool) {
            let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
            let mut file: File = open(&self.temporary, flags, Mode::from_raw_mode(0o644))
                .unwrap()
                .into();
            file.write_all(&BODY).unwrap();
            if syncs {
                file.sync_data().unwrap();
            }
            let own = format!("/proc/self/fd/{}", file.as_raw_fd());
            let place = self.folder.join(n.to_string());
            linkat(CWD, own, CWD, place, AtFlags::SYMLINK_FOLLOW).unwrap();
            if syncs {
                file.sync_all().unwrap();
            }
        }

        fn log(&self) {
            self.pending.lock().unwrap().extend_from_slice(&BODY);
            self.group.wait(|| {
                let bytes = std::mem::take(&mut *self.pending.lock().unwrap());
                (&self.log).write_all(&bytes).unwrap();
                self.log.sync_data().unwrap();
            });
        }
    }

    fn sync(folder: &Path) {
        File::open(folder).unwrap().sync_all().unwrap();
    }

    /// Threads that wait for a sync at the same time share one: the first leads, the others follow.
    #[derive(Default)]
    struct Group {
        progress: Mutex<Progress>,
        moved: Condvar,
    }

    #[derive(Default)]
    struct Progress {
        arrived: u64,
        synced: u64,
        is_led: bool,
    }

    impl Group {
        fn wait(&self, sync: impl Fn()) {
            let mut progress = self.progress.lock().unwrap();
            progress.arrived += 1;
            let own = progress.arrived;
            while progress.synced < own {
                if progress.is_led {
                    progress = self.moved.wait(progress).unwrap();
                    continue;
                }
                progress.is_led = true;
                let upto = progress.arrived;
                drop(progress);
                sync();
                progress = self.progress.lock().unwrap();
                progress.is_led = false;
                progress.synced = upto;
                self.moved.notify_all();
            }
        }
    }
}

fn main() {
    #[cfg(target_os = "linux")]
    linux::main();
}

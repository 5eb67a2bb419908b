//! Memory stays small whatever goes through: the peak of each real process is read from the system.

use std::fs;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use e2e::{Sandbox, peak_kib};

/// The most that a process may take, in KiB.
const LIMIT_KIB: u64 = 64 * 1024;
/// The same where a large artifact goes to or comes from a bucket in parts, some of them at once.
const PARTS_LIMIT_KIB: u64 = 128 * 1024;
/// How many bytes go through; `E2E_STREAM_BYTES` overrules.
const STREAM_BYTES: u64 = 256 * 1024 * 1024;
const BLOCK: usize = 1 << 20;
/// How much metadata an artifact has, in bytes, that must not pile up: of thousands it is about the bound.
const LONG: usize = 12_000;

/// The `number`th block of a long text that compresses about as logs do.
fn block(number: u64) -> Vec<u8> {
    let mut text = Vec::with_capacity(BLOCK + 64);
    let mut line = number.wrapping_mul(6_364_136_223_846_793_005) | 1;
    while text.len() < BLOCK {
        line = line
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(number);
        let (job, took) = (line >> 60, (line >> 40) & 0xffff);
        writeln!(
            text,
            "2026-03-01T12:00:00Z INFO job-{job} step finished in {took} ms"
        )
        .expect("memory can be written");
    }
    text.truncate(BLOCK);
    text
}

/// Runs a command to its end while `serve` feeds or drains it, and gives its peak in KiB.
fn peak_of(command: &mut Command, serve: impl FnOnce(&mut Child) + Send) -> u64 {
    let mut child = command.spawn().expect("it can be started");
    let mut peak = 0;
    serve(&mut child);
    // What was read last before the end is the peak, but for the last moments.
    while child.try_wait().expect("it can be waited for").is_none() {
        peak = peak_kib(child.id()).map_or(peak, |now| peak.max(now));
        thread::sleep(Duration::from_millis(2));
    }
    assert!(child.wait().expect("it can be waited for").success());
    peak
}

fn assert_small(what: &str, peak: u64) {
    assert_within(what, peak, LIMIT_KIB);
}

fn assert_within(what: &str, peak: u64, limit_kib: u64) {
    assert!(peak > 0, "the peak of the {what} was never read");
    assert!(peak < limit_kib, "the {what} took {peak} KiB");
}

/// Sends a stream of blocks to a store and fetches it again; neither may take more than `limit_kib`.
fn streams_in_little_memory(store: Sandbox, block: fn(u64) -> Vec<u8>, limit_kib: u64) {
    let bytes = std::env::var("E2E_STREAM_BYTES")
        .ok()
        .and_then(|text| text.parse().ok());
    let blocks = bytes.unwrap_or(STREAM_BYTES).div_ceil(BLOCK as u64);
    let store = store.with_env("ARTIFACT_QUOTA__MAX_ARTIFACT_SIZE", "100GB");
    let mut upload = store.command(["upload", "-", "--name", "stream", "--type", "log"]);
    let mut highest = 0;
    peak_of(
        upload.stdin(Stdio::piped()).stdout(Stdio::null()),
        |child| {
            let mut stdin = child.stdin.take().expect("its input is a pipe");
            for number in 0..blocks {
                stdin
                    .write_all(&block(number))
                    .expect("it reads to the end");
                highest = highest.max(peak_kib(child.id()).unwrap_or(0));
            }
        },
    );
    assert_within("upload", highest, limit_kib);

    let uri = "artifact://default/local/log/stream";
    let mut download = store.command(["download", uri, "-o", "-"]);
    let mut highest = 0;
    peak_of(download.stdout(Stdio::piped()), |child| {
        let mut stdout = child.stdout.take().expect("its output is a pipe");
        let mut found = vec![0; BLOCK];
        for number in 0..blocks {
            stdout.read_exact(&mut found).expect("it writes to the end");
            assert!(found == block(number), "block {number} is another one");
            highest = highest.max(peak_kib(child.id()).unwrap_or(0));
        }
        assert_eq!(
            stdout.read(&mut found).expect("it can be read"),
            0,
            "there is more"
        );
    });
    assert_within("download", highest, limit_kib);
}

#[test]
fn a_large_stream_goes_up_and_down_in_little_memory() {
    streams_in_little_memory(Sandbox::new(), block, LIMIT_KIB);
}

#[test]
fn a_large_stream_goes_to_a_bucket_and_back_in_little_memory() {
    // What does not shrink goes in most parts.
    let noise = |number| e2e::tree::noise(number, BLOCK);
    streams_in_little_memory(Sandbox::with_bucket("sqlite"), noise, PARTS_LIMIT_KIB);
}

#[test]
fn many_files_go_up_and_down_in_little_memory() {
    let store = Sandbox::new();
    for n in 0..1_000_u64 {
        let file = e2e::tree::noise(n, 20_000);
        store.write(format!("tree/{}/{n}.bin", n % 7), file);
    }
    for args in [
        &["upload", "tree", "--no-progress"][..],
        &["search", "--json"],
        &["download", "--task", "local", "-D", "out", "--no-progress"],
    ] {
        let peak = peak_of(store.command(args).stdout(Stdio::null()), |_| {});
        assert_small(args[0], peak);
    }
    e2e::tree::assert_same(&store.work("tree"), &store.work("out"));
}

#[test]
fn many_artifacts_are_verified_and_rebuilt_in_little_memory() {
    const ARTIFACTS: usize = 3_000;
    const AT_ONCE: usize = 1_500;
    let store = Sandbox::new();
    let peak_of = |args: &[&str]| {
        let args = [args, &["--no-progress", "--quiet"]].concat();
        peak_of(store.command(&args).stdout(Stdio::null()), |_| {})
    };
    let meta = format!("n={:?}", "m".repeat(LONG));
    for n in 0..ARTIFACTS {
        let tree = format!("tree{}", n / AT_ONCE);
        store.write(format!("{tree}/{n}.txt"), format!("artifact {n}\n"));
        if n % AT_ONCE == AT_ONCE - 1 {
            let upload = ["upload", &tree, "--tag", "ci=1", "--meta", &meta];
            assert_small("upload of much metadata", peak_of(&upload));
        }
    }
    assert_small("verify", peak_of(&["verify"]));
    let lose = |what: &[PathBuf]| {
        for path in what {
            fs::remove_file(path).expect("it can be removed");
        }
    };
    let index = || {
        let files = ["index.sqlite", "index.sqlite-wal", "index.sqlite-shm"];
        let files = files.map(|name| store.store(name)).into_iter();
        files.filter(|path| path.exists()).collect::<Vec<_>>()
    };
    lose(&index());
    assert_small("rebuild from metadata", peak_of(&["reindex"]));
    lose(&store.metadata());
    store.ok(&["verify", "--repair", "--quiet"]);
    lose(&index());
    lose(&store.metadata());
    assert_small("rebuild from blobs", peak_of(&["reindex"]));
    assert_small("collection", peak_of(&["gc"]));
    let found = store.ok(&["search", "--all-versions"]);
    assert_eq!(found.lines().count(), ARTIFACTS);
}

/// `E2E_OBJECTS` says how many; half of them are of one task. What each command took is printed.
#[test]
fn a_bucket_of_many_objects_is_kept_in_little_memory() {
    const OBJECTS: usize = 6_000;
    const TASKS: usize = 6;
    let objects = std::env::var("E2E_OBJECTS").ok();
    let objects = objects.map_or(OBJECTS, |text| text.parse().expect("it is a number"));
    let store = Sandbox::with_bucket("sqlite");
    let measure = |what: &str, args: &[&str]| {
        let args = [args, &["--no-progress"]].concat();
        let output = store.work("output");
        let file = fs::File::create(&output).expect("files can be made");
        let begun = Instant::now();
        let peak = peak_of(store.command(&args).stdout(file), |_| {});
        let took = begun.elapsed().as_secs_f64();
        println!("| {what} | {took:.1} s | {} MiB |", peak.div_ceil(1_024));
        assert_small(what, peak);
        fs::read_to_string(output).expect("it printed text")
    };
    for n in 0..objects {
        let task = if n < objects / 2 {
            0
        } else {
            1 + n % (TASKS - 1)
        };
        let path = format!("{task}/{}/{n}.txt", n / 1_000);
        store.write(path, format!("artifact {n}\n"));
    }
    for task in 0..TASKS {
        let name = task.to_string();
        store.ok(&[
            "upload", &name, "--task", &name, "--type", "data", "--quiet",
        ]);
    }
    measure("gc that folds the metadata", &["gc"]);
    let said = measure("gc with nothing to do", &["gc"]);
    assert_eq!(said, "cleared 0 items, 0 B\n");
    let orphans = objects / 10;
    let long_ago = SystemTime::now() - Duration::from_hours(48);
    let folder = store.store("artifacts/default/gone/output/data");
    fs::create_dir_all(&folder).expect("folders can be made");
    for n in 0..orphans {
        let path = folder.join(format!("{n}@1.019ca9450a00700080000000{n:08x}"));
        fs::write(&path, "nobody knows it").expect("files can be written");
        let file = fs::File::options().append(true).open(&path);
        let dated = file.and_then(|file| file.set_modified(long_ago));
        dated.expect("times can be set");
    }
    let said = measure("gc --dry-run with orphans", &["gc", "--dry-run"]);
    let sum = |text: &str| text.lines().last().unwrap_or_default().to_owned();
    assert!(sum(&said).contains(&orphans.to_string()), "{}", sum(&said));
    let said = measure("gc of orphans, a tenth as many", &["gc"]);
    assert!(sum(&said).contains(&orphans.to_string()), "{}", sum(&said));
    assert_eq!(store.blobs().len(), objects);

    measure("verify", &["verify"]);
    measure("usage", &["usage"]);
    let said = measure(
        "search of all",
        &["search", "--limit", &objects.to_string()],
    );
    assert_eq!(said.lines().count(), objects);
    measure("reindex where all is known", &["reindex"]);
    for path in store.index_files() {
        e2e::tree::remove(&path);
    }
    measure("reindex of a lost index", &["reindex"]);
    let found = store.ok(&["search", "--limit", &objects.to_string()]);
    assert_eq!(found.lines().count(), objects);
    measure(
        "delete of a task of half of them",
        &["delete", "--task", "0"],
    );
}

#[test]
fn large_reports_are_compared_in_little_memory() {
    let store = Sandbox::new();
    let upload = |task: &str, name: &str, write: &dyn Fn(&mut dyn Write)| {
        let path = store.write("report.xml", "");
        let mut file = std::io::BufWriter::new(fs::File::create(path).expect("it can be made"));
        write(&mut file);
        file.flush().expect("it can be written");
        let args = [
            "upload",
            "report.xml",
            "--type",
            "test-results",
            "--name",
            name,
        ];
        store.ok(&[&args[..], &["--task", task, "--quiet"]].concat());
    };
    // 100 MB of what tests have printed, and as many tests as can be compared.
    let printed = String::from_utf8(e2e::tree::prose(1, 100_000)).expect("it is text");
    for task in ["1", "2"] {
        upload(task, "printed.xml", &|file| {
            write!(file, "<testsuite name='s'>").expect("files can be written");
            for n in 0..1_000 {
                let begin = format!("<testcase name='{n}'><system-out>");
                let end = "</system-out></testcase>";
                write!(file, "{begin}{printed}{end}").expect("files can be written");
            }
            write!(file, "</testsuite>").expect("files can be written");
        });
        upload(task, "many.xml", &|file| {
            write!(file, "<testsuite name='s'>").expect("files can be written");
            for n in 0..70_000 {
                let class = "a.package.of.some.depth.AClass";
                write!(
                    file,
                    "<testcase classname='{class}' name='of_test_number_{n}' time='0.1'/>"
                )
                .expect("files can be written");
            }
            write!(file, "</testsuite>").expect("files can be written");
        });
    }
    let args = [
        "compare",
        "--baseline",
        "1",
        "--current",
        "2",
        "--fail-on",
        "new-failures",
    ];
    let peak = peak_of(store.command(args).stdout(Stdio::null()), |_| {});
    assert_small("comparison", peak);
}

#[test]
fn archives_are_written_and_read_in_little_memory() {
    const ARTIFACTS: usize = 3_000;
    const AT_ONCE: usize = 1_500;
    let store = Sandbox::new();
    let peak_of = |args: &[&str]| {
        let args = [args, &["--no-progress"]].concat();
        peak_of(
            store
                .command(&args)
                .stdout(Stdio::null())
                .stderr(Stdio::null()),
            |_| {},
        )
    };
    let meta = format!("n={:?}", "m".repeat(LONG));
    for n in 0..ARTIFACTS {
        let tree = format!("tree{}", n / AT_ONCE);
        store.write(format!("{tree}/{n}.txt"), format!("artifact {n}\n"));
        if n % AT_ONCE == AT_ONCE - 1 {
            store.ok(&["upload", &tree, "--meta", &meta, "--quiet"]);
        }
    }
    // And some that are read as streams, compressed or not.
    for n in 0..6_u64 {
        let text: Vec<u8> = (0..16).flat_map(|part| block(n * 16 + part)).collect();
        store.write(format!("large/{n}.log"), text);
        store.write(format!("large/{n}.bin"), e2e::tree::noise(n, 8_000_000));
    }
    store.ok(&["upload", "large", "--task", "large", "--quiet"]);
    for form in ["zip", "tar.gz"] {
        for task in ["*", "local", "large"] {
            let archive = format!("{}.{form}", task.replace('*', "all"));
            let args = ["export", "--task", task, "-o", &archive, "--with-metadata"];
            assert_small(&format!("export to {archive}"), peak_of(&args));
        }
        for archive in ["local", "large"].map(|task| format!("{task}.{form}")) {
            let base_path = format!("{archive}.store");
            let args = ["import", &archive, "--base-path", &base_path];
            assert_small(&format!("import of {archive}"), peak_of(&args));
        }
    }
}

#[test]
fn grep_takes_little_memory_whatever_the_lines_are() {
    let store = Sandbox::new();
    let line = |length| [vec![b'a'; length], b"\n".to_vec()].concat();
    // One line without an end, lines just as long as they may be, and many short ones.
    for n in 0..6 {
        let endless = vec![b'a'; 32 << 20];
        store.write(format!("endless/{n}"), &endless[..(endless.len() >> n)]);
        store.write(format!("long/{n}"), line(128 * 1024 - 1).repeat(40));
        store.write(format!("short/{n}"), line(9).repeat(400_000));
    }
    for task in ["endless", "long", "short"] {
        let args = ["upload", task, "--task", task, "--type", "log", "--quiet"];
        store.ok(&args);
        let searches: [&[&str]; 4] = [
            &["grep", "b"],
            &["grep", "a$"],
            &["grep", "a", "--json", "-m", "20"],
            &["grep", "a", "-B", "15", "-A", "15", "-m", "20"],
        ];
        for search in searches {
            let args = [search, &["--task", task, "--jobs", "4", "--no-progress"]].concat();
            let mut command = store.command(&args);
            let peak = peak_of(command.stdout(Stdio::null()).stderr(Stdio::null()), |_| {});
            assert_small(&format!("{search:?} in {task} lines"), peak);
        }
    }
}

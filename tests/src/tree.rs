//! Folders full of files: made up, and compared. Knows no store.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// File names that are legal on Linux and that something somewhere has stumbled over.
pub const ODD_NAMES: [&str; 52] = [
    "with space.txt",
    " leading space",
    "trailing space ",
    "100%.txt",
    "a%2Fb.txt",
    "%2e%2e",
    "caf\u{e9}.txt",
    "cafe\u{301}.txt",
    "\u{1f680} rocket.txt",
    "\u{65e5}\u{672c}\u{8a9e}.txt",
    "\u{5e9}\u{5dc}\u{5d5}\u{5dd}.txt",
    ".hidden",
    "..hidden",
    "...",
    "trailing.",
    "two..dots",
    "single'quote.txt",
    "double\"quote.txt",
    "back`tick.txt",
    "hash#tag.txt",
    "question?.txt",
    "a=1&b=2.txt",
    "back\\slash.txt",
    "-dash",
    "--help",
    "tilde~",
    "~",
    "plus+plus.txt",
    "semi;colon",
    "comma,comma",
    "at@1.txt",
    "x@1.0190a0b0c0d0e0f0.gz",
    "dollar$HOME",
    "paren(1).txt",
    "bracket[1].txt",
    "brace{a,b}",
    "star*.txt",
    "pipe|pipe",
    "less<greater>",
    "colon:colon",
    "caret^",
    "exclamation!",
    "CON",
    "nul.txt",
    "UPPER.txt",
    "upper.txt",
    "archive.tar.gz",
    "metadata.json",
    "index.sqlite",
    "no_extension",
    "artifact:",
    "\u{200b}zero width",
];

/// Pseudo-random bytes, the same for the same seed. They do not compress.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // xorshift64*
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        bytes.extend(state.wrapping_mul(0x2545_F491_4F6C_DD1D).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// Lines of text, the same for the same seed. They compress well.
pub fn prose(seed: u64, length: usize) -> Vec<u8> {
    let mut text = String::with_capacity(length + 64);
    for number in 0_u64.. {
        if text.len() >= length {
            break;
        }
        let step = seed.wrapping_add(number).wrapping_mul(7_919) % 977;
        writeln!(text, "{number:08} step {step} of run {seed} is done")
            .expect("a String takes any text");
    }
    text.truncate(length);
    text.into_bytes()
}

/// Fills a folder with `count` files and more: nested, empty, text, binary, and oddly named.
pub fn grow(root: &Path, count: u64) {
    let write = |relative: &Path, bytes: Vec<u8>| {
        let path = root.join(relative);
        let folder = path.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).expect("folders can be made");
        fs::write(path, bytes).expect("files can be written");
    };
    let folders = [
        "",
        "src",
        "src/a/b/c/d",
        "50% done",
        "d.ir",
        "\u{fc}n\u{ef}/ \u{2192}",
    ];
    for number in 0..count {
        let folder = folders[usize::try_from(number % 6).expect("it is below 6")];
        let length = usize::try_from(number * 37 % 3_000).expect("it is below 3,000");
        let (name, bytes) = match number % 4 {
            0 => (format!("{number}.txt"), prose(number, length)),
            1 => (format!("{number}.bin"), noise(number, length)),
            2 => (
                format!("{number}.json"),
                format!("{{\"n\":{number}}}").into(),
            ),
            _ if number % 20 == 3 => (format!("{number}.empty"), Vec::new()),
            _ => (format!("{number}.log"), prose(number, length)),
        };
        write(&Path::new(folder).join(name), bytes);
    }
    for (number, name) in (count..).zip(ODD_NAMES) {
        write(Path::new(name), prose(number, 100));
        write(&Path::new("odd").join(name), noise(number, 100));
    }
    let long = "n".repeat(255);
    write(Path::new(&long), prose(1, 10));
    write(Path::new(&wide_name()), prose(2, 10));
    write(Path::new("large/noise.bin"), noise(3, 3_000_000));
    write(Path::new("large/prose.log"), prose(4, 5_000_000));
}

/// The name of a file in such a folder that is longest where each byte is written as three.
pub fn wide_name() -> String {
    "\u{e9}".repeat(127)
}

/// The files below a folder, by their relative paths.
pub fn contents(root: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = Vec::new();
    files_below(root, &mut files);
    let content = |path: PathBuf| {
        let bytes = fs::read(&path).expect("files can be read");
        let relative = path.strip_prefix(root).expect("it lies below the root");
        (relative.to_owned(), bytes)
    };
    files.into_iter().map(content).collect()
}

/// Asserts that two folders have the same files with the same bytes.
#[track_caller]
pub fn assert_same(expected: &Path, found: &Path) {
    let (expected, found) = (contents(expected), contents(found));
    let missing: Vec<_> = expected
        .keys()
        .filter(|path| !found.contains_key(*path))
        .collect();
    let extra: Vec<_> = found
        .keys()
        .filter(|path| !expected.contains_key(*path))
        .collect();
    assert!(
        missing.is_empty() && extra.is_empty(),
        "missing {missing:?}, extra {extra:?}"
    );
    let differing: Vec<_> = expected
        .iter()
        .filter(|(path, bytes)| found.get(*path) != Some(bytes))
        .map(|(path, _)| path)
        .collect();
    assert!(differing.is_empty(), "different bytes: {differing:?}");
}

/// Says that a file was last written this long after the beginning of 1970.
pub fn set_modified(path: &Path, seconds: u64, nanoseconds: u32) {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanoseconds);
    let file = fs::File::options().append(true).open(path);
    file.and_then(|file| file.set_modified(time))
        .expect("times can be changed");
}

/// Takes away a file, or a folder with everything in it.
pub fn remove(path: &Path) {
    let removed = if path.is_dir() {
        fs::remove_dir_all(path)
    } else {
        fs::remove_file(path)
    };
    removed.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Adds every file below a folder, which may be missing.
pub fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    // It may be missing, or go away while it is listed.
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Makes a user the owner of a folder and everything below it.
pub(crate) fn hand_over(path: &Path, user: u32) {
    std::os::unix::fs::lchown(path, Some(user), Some(user)).expect("root can give files away");
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).expect("root can list folders").flatten() {
            hand_over(&entry.path(), user);
        }
    }
}

//! The media type of a file: by its extension, set right by its first bytes. Knows no artifact
//! type.

use artifact_domain::MimeType;

use super::{content, facts};

pub(super) const UNKNOWN: &str = "application/octet-stream";
pub(super) const PLAIN: &str = "text/plain";

/// Extensions that the general table does not know, or knows as something nobody means in CI.
const BY_EXTENSION: &[(&[&str], &str)] = &[
    (&["ts", "mts", "cts", "tsx"], "text/x-typescript"),
    (&["js", "mjs", "cjs", "jsx"], "text/javascript"),
    (&["py", "pyi"], "text/x-python"),
    (&["sh", "bash", "zsh"], "text/x-shellscript"),
    (&["c", "h"], "text/x-c"),
    (&["cc", "cpp", "cxx", "hh", "hpp", "hxx"], "text/x-c++"),
    (&["go"], "text/x-go"),
    (&["java"], "text/x-java"),
    (&["kt", "kts"], "text/x-kotlin"),
    (&["rb"], "text/x-ruby"),
    (&["sql"], "application/sql"),
    (&["ipynb"], "application/x-ipynb+json"),
    (&["diff", "patch"], "text/x-diff"),
    (&["md", "markdown"], "text/markdown"),
    (&["rst"], "text/x-rst"),
    (&["adoc", "asciidoc"], "text/asciidoc"),
    (&["yaml", "yml"], "application/yaml"),
    (&["toml"], "application/toml"),
    (&["jsonl", "ndjson"], "application/x-ndjson"),
    (&["sarif"], "application/sarif+json"),
    (&["har", "json", "cpuprofile"], "application/json"),
    (&["trx", "xml"], "text/xml"),
    (&["avro"], "application/avro"),
    (&["arrow", "feather"], "application/vnd.apache.arrow.file"),
    (&["sqlite", "sqlite3"], "application/vnd.sqlite3"),
    (&["zst"], "application/zstd"),
    (&["tgz"], "application/gzip"),
    (&["whl"], "application/zip"),
    (&["rpm"], "application/x-rpm"),
    (
        &[
            "log", "out", "err", "lcov", "gcov", "tap", "info", "proto", "lock",
        ],
        PLAIN,
    ),
];

/// Binary formats that the general table of signatures does not know.
const BY_SIGNATURE: &[(&[u8], &str)] = &[
    (b"PAR1", "application/vnd.apache.parquet"),
    (b"ARROW1\0", "application/vnd.apache.arrow.file"),
    (b"Obj\x01", "application/avro"),
    (OLE, "application/x-ole-storage"),
];

/// Microsoft's compound file. A cut one can't be read, so its content is not asked.
const OLE: &[u8] = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1";

/// Signatures of two bytes, by extension: other binary files bear them by chance.
const WEAK: &[&str] = &["exe", "dll", "bc", "der", "obj", "bmp", "jxl", "aac"];

/// Formats that other formats are made of, with the extensions of those.
const CONTAINERS: &[(&str, &[&str])] = &[
    (
        "application/zip",
        &[
            "aar", "apk", "docx", "ear", "epub", "ipa", "jar", "kmz", "npz", "nupkg", "odp", "ods",
            "odt", "pptx", "vsix", "war", "whl", "xlsx", "xpi",
        ],
    ),
    ("application/x-ole-storage", &["doc", "msi", "ppt", "xls"]),
    ("audio/ogg", &["ogv", "ogx"]),
    ("video/mp4", &["m4a", "m4v"]),
    ("video/x-matroska", &["mka"]),
    ("video/webm", &["weba"]),
    ("video/x-ms-wmv", &["asf", "wma"]),
];

/// Media types of text that do not say so.
const WRITTEN_AS_TEXT: &[&str] = &[
    "application/json",
    "application/pgp-signature",
    "application/sql",
    "application/toml",
    "application/x-ndjson",
    "application/x-tex",
    "application/x-troff",
    "application/x-x509-ca-cert",
    "application/xml",
    "application/yaml",
];

/// Media types of data for machines.
pub(super) const DATA: &[&str] = &[
    "application/avro",
    "application/json",
    "application/vnd.apache.arrow.file",
    "application/vnd.apache.parquet",
    "application/vnd.ms-excel",
    "application/vnd.oasis.opendocument.spreadsheet",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/vnd.sqlite3",
    "text/xml",
];

/// Media types of text for people.
pub(super) const DOCUMENTS: &[&str] = &[
    "application/epub+zip",
    "application/msword",
    "application/pdf",
    "application/postscript",
    "application/rtf",
    "application/vnd.oasis.opendocument.presentation",
    "application/vnd.oasis.opendocument.text",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "text/html",
];

/// The media type of a file without parameters.
pub(super) fn essence(name: &str, head: &[u8]) -> &'static str {
    let file = name.to_lowercase();
    let extension = facts::extension(&file);
    let by_name = by_name(&file, extension);
    if head.is_empty() {
        return by_name.unwrap_or(UNKNOWN);
    }
    match content::text(head) {
        Some(text) => match by_name {
            Some(media) if may_be_text(media) => media,
            _ => of_text(text),
        },
        None => of_binary(head, extension, by_name),
    }
}

/// The media type with its charset, where it is text in UTF-8.
pub(super) fn with_charset(essence: &str, head: &[u8]) -> MimeType {
    let utf8 = essence.starts_with("text/") && content::text(head).is_some();
    let full = format!("{essence}{}", if utf8 { "; charset=utf-8" } else { "" });
    MimeType::new(full).unwrap_or_default()
}

fn by_name(file: &str, extension: &str) -> Option<&'static str> {
    let ours = BY_EXTENSION
        .iter()
        .find(|(extensions, _)| extensions.contains(&extension))
        .map(|(_, media)| *media);
    let general = || by_extension(extension);
    if facts::is_code_name(file) {
        // Of source code the general table knows programs and even videos.
        let text = || general().filter(|media| media.starts_with("text/"));
        return ours.or_else(text).or(Some(PLAIN));
    }
    ours.or_else(general)
}

fn by_extension(extension: &str) -> Option<&'static str> {
    mime_guess::from_ext(extension)
        .first_raw()
        .filter(|media| *media != UNKNOWN)
}

/// Whether content that is text can be of this media type. A text that its extension takes for
/// something else is only called plain, so the list of what is no `text/*` may be short.
fn may_be_text(media: &str) -> bool {
    media.starts_with("text/")
        || media.starts_with("message/")
        || media.ends_with("+json")
        || media.ends_with("+xml")
        || WRITTEN_AS_TEXT.contains(&media)
}

/// The media type of text by its first characters.
fn of_text(text: &str) -> &'static str {
    let start = text.trim_start();
    let root = content::xml_root(text).unwrap_or_default();
    if start.starts_with("%PDF-") {
        "application/pdf"
    } else if start.starts_with("{\\rtf") {
        "application/rtf"
    } else if start.starts_with("%!PS") {
        "application/postscript"
    } else if let Some(line) = start.strip_prefix("#!") {
        of_script(line.lines().next().unwrap_or_default())
    } else if root.eq_ignore_ascii_case("html") {
        "text/html"
    } else if root == "svg" {
        "image/svg+xml"
    } else if start.starts_with("<?xml") {
        "text/xml"
    } else if content::compact_json(text).is_some() {
        "application/json"
    } else {
        PLAIN
    }
}

/// The media type of a script by the command that runs it: `/usr/bin/env python3`.
fn of_script(command: &str) -> &'static str {
    let interpreter = command.rsplit('/').next().unwrap_or_default();
    [
        ("python", "text/x-python"),
        ("node", "text/javascript"),
        ("ruby", "text/x-ruby"),
        ("sh", "text/x-shellscript"),
    ]
    .into_iter()
    .find(|(program, _)| interpreter.contains(program))
    .map_or(PLAIN, |(_, media)| media)
}

/// The media type of bytes that are no text: by signature, unless the extension says it better.
fn of_binary(head: &[u8], extension: &str, by_name: Option<&'static str>) -> &'static str {
    let Some((found, usual_extension)) = signature(head) else {
        return by_name.unwrap_or(UNKNOWN);
    };
    let contains =
        |(container, inner): &(&str, &[&str])| *container == found && inner.contains(&extension);
    let agree = by_name.is_some() && by_name == by_extension(usual_extension);
    match by_name {
        Some(media) if agree || CONTAINERS.iter().any(contains) => media,
        _ => found,
    }
}

/// The media type that the first bytes tell, and its usual extension.
fn signature(head: &[u8]) -> Option<(&'static str, &'static str)> {
    if is_mpeg_ts(head) {
        return Some(("video/mp2t", "m2ts"));
    }
    if let Some((_, media)) = BY_SIGNATURE
        .iter()
        .find(|(magic, _)| head.starts_with(magic))
    {
        return Some((media, ""));
    }
    infer::get(head)
        .filter(|found| !WEAK.contains(&found.extension()))
        .map(|found| (found.mime_type(), found.extension()))
}

/// Whether every packet begins with the sync byte of an MPEG transport stream, ISO 13818-1
/// section 2.4.3.2: packets of 188 bytes, of 192 with a time code before each on cameras.
fn is_mpeg_ts(head: &[u8]) -> bool {
    [(0, 188), (4, 192)].into_iter().any(|(first, packet)| {
        head.len() > first + packet
            && head
                .iter()
                .skip(first)
                .step_by(packet)
                .all(|byte| *byte == 0x47)
    })
}

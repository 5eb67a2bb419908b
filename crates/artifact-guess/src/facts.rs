//! What the rules ask about one file: the parts of its name and the shape of its text. Knows no
//! rule.

use artifact_domain::{ArtifactName, ArtifactType};

use super::words::{CODE, CODE_FILES};
use super::{content, media};

/// Endings of a compressed file: `build.log.gz` is still a log.
const COMPRESSED: &[&str] = &[".gz", ".zst", ".xz", ".bz2"];

/// One file as the rules see it.
pub(super) struct Facts<'a> {
    /// The file name as it was given.
    pub(super) name: &'a str,
    /// The media type, without a charset.
    pub(super) media: &'static str,
    /// The head as text without byte order mark; empty where it is none.
    pub(super) text: &'a str,
    /// Whether it is neither text nor empty nor called compressed, so that it can't be a log.
    pub(super) binary: bool,
    /// The whole path in lower case, `-` for `_` and space, without the ending of a compression.
    path: String,
    /// The name of the root element in lower case, where the text is XML.
    xml_root: Option<String>,
    /// The text in lower case without white space, where it is JSON.
    json: Option<String>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(name: &'a ArtifactName, head: &'a [u8]) -> Self {
        let mut path = name.as_str().to_lowercase().replace(['_', ' '], "-");
        let uncompressed = COMPRESSED.iter().find_map(|end| path.strip_suffix(end));
        let uncompressed = uncompressed.map(str::len);
        path.truncate(uncompressed.unwrap_or(path.len()));
        let text = content::text(head);
        let binary = text.is_none() && uncompressed.is_none();
        let text = text.unwrap_or_default();
        Self {
            name: name.file_name(),
            media: media::essence(name.file_name(), head),
            text,
            binary,
            path,
            xml_root: content::xml_root(text).map(str::to_lowercase),
            json: content::compact_json(text),
        }
    }

    /// The last segment of the path.
    pub(super) fn file(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    /// Whether the extension is one of these; `""` stands for none.
    pub(super) fn has_ext(&self, extensions: &[&str]) -> bool {
        extensions.contains(&extension(self.file()))
    }

    /// Whether the file is called one of these.
    pub(super) fn is_named(&self, files: &[&str]) -> bool {
        files.contains(&self.file())
    }

    /// Whether the name of the file starts with one of these.
    pub(super) fn starts(&self, prefixes: &[&str]) -> bool {
        prefixes
            .iter()
            .any(|prefix| self.file().starts_with(prefix))
    }

    /// Whether one of these stands in the name of the file, with no letter or digit beside it.
    pub(super) fn has_word(&self, words: &[&str]) -> bool {
        content::has_word(self.file(), words)
    }

    /// Whether it lies in a folder called one of these, at any depth.
    pub(super) fn is_in(&self, folders: &[&str]) -> bool {
        self.path
            .rsplit('/')
            .skip(1)
            .any(|folder| folders.contains(&folder))
    }

    /// Whether one of these stands anywhere in the path.
    pub(super) fn path_has(&self, parts: &[&str]) -> bool {
        parts.iter().any(|part| self.path.contains(part))
    }

    /// Whether it is called like a log: `app.log`, `app.log.1`, `app.log-2026-11-21`.
    pub(super) fn is_log_file(&self) -> bool {
        self.file().rsplit_once(".log").is_some_and(|(_, rest)| {
            let rotated = rest.starts_with(['.', '-'])
                && rest
                    .chars()
                    .all(|c| c.is_ascii_digit() || ".-:tz".contains(c));
            ["", ".txt", ".json", ".jsonl", ".old", ".bak"].contains(&rest) || rotated
        })
    }

    /// Whether it is XML with one of these roots.
    pub(super) fn is_xml_of(&self, roots: &[&str]) -> bool {
        self.xml_root
            .as_deref()
            .is_some_and(|root| roots.contains(&root))
    }

    /// Whether it is JSON that bears the marks of this type.
    pub(super) fn is_json_of(&self, artifact_type: &ArtifactType) -> bool {
        self.json
            .as_deref()
            .is_some_and(|json| content::has_marks_of(json, artifact_type))
    }

    /// Whether it is SARIF, the format of the findings of any analysis.
    pub(super) fn is_sarif(&self) -> bool {
        self.has_ext(&["sarif"])
            || self.file().ends_with(".sarif.json")
            || self.json.as_deref().is_some_and(content::is_sarif)
    }

    /// Whether one of these tools signed the SARIF, or where that isn't told, gave it its name.
    pub(super) fn is_by_tool(&self, tools: &[&str]) -> bool {
        match self.json.as_deref().and_then(content::sarif_driver) {
            Some(driver) => content::has_word(driver, tools),
            None => self.has_word(tools),
        }
    }
}

/// Whether a file of this lower-case name is source code.
pub(super) fn is_code_name(file: &str) -> bool {
    CODE.contains(&extension(file))
        || CODE_FILES.contains(&file)
        || ["dockerfile.", "makefile."]
            .iter()
            .any(|stem| file.starts_with(stem))
}

/// What follows the last dot, unless that is the first character; else empty.
pub(super) fn extension(file: &str) -> &str {
    match file.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => extension,
        _ => "",
    }
}

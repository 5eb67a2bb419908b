//! What the metadata of an upload says of the artifact that it becomes. Knows no files.

use std::collections::BTreeMap;

use artifact_app::{Compression, UploadRequest};
use artifact_domain::{
    ArtifactName, ArtifactType, Coordinate, Error, Metadata, MimeType, Result, SpecName, Tag, Tags,
    TaskId, require_exact_numbers,
};
use serde::de::DeserializeOwned;

use super::headers::pairs;

/// The keys that are understood.
const KEYS: &str = "name (or filename), spec, task, type, mime_type (or filetype), tag.KEY, \
                    tags_json, metadata_json, retention_days, compress, sha256";

/// The same as they are compared.
const DRESSED: [(&str, &str); 12] = [
    ("spec", "spec"),
    ("task", "task"),
    ("type", "type"),
    ("name", "name"),
    ("filename", "filename"),
    ("mimetype", "mime_type"),
    ("filetype", "filetype"),
    ("retentiondays", "retention_days"),
    ("sha256", "sha256"),
    ("tagsjson", "tags_json"),
    ("metadatajson", "metadata_json"),
    ("compress", "compress"),
];

/// The upload that such metadata asks for. Keys that are no others misspelt are ignored: clients send some
/// of their own accord.
pub(super) fn request(metadata: &str) -> Result<UploadRequest> {
    let mut about = About::default();
    for (key, value) in pairs(metadata)? {
        about
            .set(&key, value)
            .map_err(|error| error.context(format_args!("Upload-Metadata `{key}`")))?;
    }
    about.into_request()
}

#[derive(Debug, Default)]
struct About {
    spec: Option<SpecName>,
    task: Option<TaskId>,
    artifact_type: Option<ArtifactType>,
    name: Option<ArtifactName>,
    mime_type: Option<MimeType>,
    tags: Vec<Tag>,
    retention_days: Option<u32>,
    digest: Option<artifact_domain::Digest>,
    metadata: Option<Metadata>,
    compress: Option<bool>,
}

impl About {
    fn set(&mut self, key: &str, value: String) -> Result<()> {
        if let Some(tag) = tag_key(key) {
            let tag = match &*value {
                "" => tag.parse()?,
                value => format!("{tag}={value}").parse()?,
            };
            self.tags.push(tag);
            return Ok(());
        }
        match &*dress(key) {
            "spec" => once(&mut self.spec, SpecName::new(value)?),
            "task" => once(&mut self.task, TaskId::new(value)?),
            // Uppy has the media type there too; no type of an artifact has a slash.
            "type" if value.contains('/') => self.media_type(value),
            "type" if value.is_empty() => Ok(()),
            "type" => once(&mut self.artifact_type, value.parse()?),
            "name" | "filename" => once(&mut self.name, ArtifactName::new(value)?),
            "mimetype" | "filetype" => self.media_type(value),
            "retentiondays" => {
                let days = value.parse();
                let days =
                    days.map_err(|_| Error::invalid_input("it is no whole number of days"))?;
                once(&mut self.retention_days, days)
            }
            "sha256" => once(&mut self.digest, value.parse()?),
            "tagsjson" => {
                let tags: BTreeMap<String, String> = json(&value)?;
                for (key, value) in tags {
                    self.tags.push(Tag::new(key, value)?);
                }
                Ok(())
            }
            "metadatajson" => {
                require_exact_numbers(&value)?;
                once(&mut self.metadata, Metadata::new(json(&value)?)?)
            }
            "compress" => {
                let compress = value.parse();
                let compress =
                    compress.map_err(|_| Error::invalid_input("it is neither true nor false"))?;
                once(&mut self.compress, compress)
            }
            _ => match meant(key) {
                Some(meant) => Err(Error::invalid_input("there is no such key")
                    .with_hint(format!("`{meant}` may be meant; the keys are {KEYS}"))),
                None => Ok(()),
            },
        }
    }

    /// Clients that do not know it send an empty one.
    fn media_type(&mut self, value: String) -> Result<()> {
        if value.is_empty() {
            return Ok(());
        }
        once(&mut self.mime_type, MimeType::new(value)?)
    }

    fn into_request(self) -> Result<UploadRequest> {
        let name = self.name.ok_or_else(|| {
            Error::invalid_input("Upload-Metadata has no `name` of the artifact")
                .with_hint(format!("the keys are {KEYS}"))
        })?;
        let guess = artifact_guess::guess(&name, &[]);
        let coordinate = Coordinate::new(
            self.spec.map_or_else(|| SpecName::new("default"), Ok)?,
            self.task.map_or_else(|| TaskId::new("local"), Ok)?,
            self.artifact_type.unwrap_or(guess.artifact_type),
            name,
        )?;
        Ok(UploadRequest {
            mime_type: self.mime_type.unwrap_or(guess.mime_type),
            tags: Tags::from_tags(self.tags)?,
            retention_days: self.retention_days,
            expected_digest: self.digest,
            metadata: self.metadata.unwrap_or_default(),
            compression: match self.compress {
                Some(false) => Compression::Off,
                _ => Compression::AsConfigured,
            },
            ..UploadRequest::new(coordinate)
        })
    }
}

/// A key as it is compared: `fileName` and `mime-type` are known too.
fn dress(key: &str) -> String {
    key.to_ascii_lowercase().replace(['_', '-'], "")
}

/// The key of the tag that a key stands for.
fn tag_key(key: &str) -> Option<&str> {
    let (prefix, tag) = key.split_once('.')?;
    prefix.eq_ignore_ascii_case("tag").then_some(tag)
}

/// What is meant by a key that is not known but one slip away from one that is.
fn meant(key: &str) -> Option<&'static str> {
    let is_slip = |one: &str, known: &str| strsim::damerau_levenshtein(one, known) <= 1;
    let (prefix, is_dotted) = match key.split_once('.') {
        Some((prefix, _)) => (dress(prefix), true),
        None => (dress(key), false),
    };
    if matches!(&*prefix, "tag" | "tags") || is_dotted && is_slip(&prefix, "tag") {
        return Some("tag.KEY");
    }
    let mut known = DRESSED.into_iter();
    let found = known.find(|(known, _)| !is_dotted && is_slip(&prefix, known));
    found.map(|(_, shown)| shown)
}

fn json<T: DeserializeOwned>(text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|cause| {
        Error::invalid_input(format!("it is not the JSON that it has to be ({cause})"))
    })
}

fn once<T: PartialEq>(place: &mut Option<T>, value: T) -> Result<()> {
    if place.as_ref().is_some_and(|other| *other != value) {
        return Err(Error::invalid_input("it is given twice, with two values"));
    }
    *place = Some(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn of(pairs: &[(&str, &str)]) -> Result<UploadRequest> {
        let sent = pairs
            .iter()
            .map(|(key, value)| format!("{key} {}", STANDARD.encode(value)));
        request(&sent.collect::<Vec<_>>().join(","))
    }

    #[test]
    fn a_name_is_enough() {
        let said = of(&[("name", "out/a b.html")]).unwrap();
        let uri = artifact_domain::ArtifactUri::from(said.coordinate);
        assert_eq!(
            uri.to_string(),
            "artifact://default/local/document/out/a%20b.html"
        );
        assert_eq!(said.mime_type.as_str(), "text/html; charset=utf-8");
        assert_eq!((said.retention_days, said.expected_digest), (None, None));
    }

    #[test]
    fn all_that_can_be_said_is_heard() {
        let hex = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
        let said = of(&[
            ("spec", "web"),
            ("task", "41"),
            ("type", "build_logs"),
            ("filename", "a.bin"),
            ("filetype", "text/plain"),
            ("tag.os", "linux=6"),
            ("tag.ci", ""),
            ("retention_days", "3"),
            ("sha256", hex),
        ]);
        let said = said.unwrap();
        let uri = artifact_domain::ArtifactUri::from(said.coordinate);
        assert_eq!(uri.to_string(), "artifact://web/41/build-log/a.bin");
        assert_eq!(said.mime_type.as_str(), "text/plain");
        let tags = Tags::from_tags(["ci".parse().unwrap(), "os=linux=6".parse().unwrap()]);
        assert_eq!(said.tags, tags.unwrap());
        assert_eq!(said.retention_days, Some(3));
        assert_eq!(said.expected_digest.unwrap().to_string(), hex);
        // Both names of one key, as some clients send them.
        let both = [("name", "a"), ("filename", "a"), ("filetype", "")];
        assert!(of(&both).is_ok());
        let dressed = [
            ("fileName", "a.bin"),
            ("mime-type", "text/x"),
            ("Tag.OS", ""),
        ];
        let said = of(&dressed).unwrap();
        assert_eq!(said.mime_type.as_str(), "text/x");
        let tags = Tags::from_tags(["OS".parse().unwrap()]);
        assert_eq!(said.tags, tags.unwrap());
    }

    #[test]
    fn what_clients_send_of_their_own_accord_does_no_harm() {
        // Uppy, for a picture of a folder and for a file whose type no browser knows.
        let picture = of(&[
            ("relativePath", "holiday/a.png"),
            ("name", "a.png"),
            ("type", "image/png"),
            ("filetype", "image/png"),
            ("filename", "a.png"),
            ("caption", ""),
        ]);
        let picture = picture.unwrap();
        assert_eq!(picture.mime_type.as_str(), "image/png");
        let uri = artifact_domain::ArtifactUri::from(picture.coordinate);
        assert_eq!(uri.to_string(), "artifact://default/local/image/a.png");
        let unknown = of(&[("relativePath", "null"), ("name", "a.log"), ("type", "")]);
        let uri = artifact_domain::ArtifactUri::from(unknown.unwrap().coordinate);
        assert_eq!(uri.to_string(), "artifact://default/local/log/a.log");
        let others = [
            "size",
            "lastModified",
            "uuid",
            "id",
            "userId",
            "bucket",
            "path",
            "a.b",
        ];
        for key in others {
            assert!(of(&[("name", "a"), (key, "x")]).is_ok(), "{key}");
        }
    }

    #[test]
    fn what_is_misspelt_is_refused_with_what_may_be_meant() {
        for (key, hint) in [
            ("tga.os", "`tag.KEY`"),
            ("tags.os", "`tag.KEY`"),
            ("tag", "`tag.KEY`"),
            ("tags", "`tag.KEY`"),
            ("taks", "`task`"),
            ("Specs", "`spec`"),
            ("retention_day", "`retention_days`"),
            ("mimetypes", "`mime_type`"),
            ("sha265", "`sha256`"),
        ] {
            let error = of(&[("name", "a"), (key, "1")]).unwrap_err();
            let said = error.hint().unwrap_or_default();
            assert!(
                said.starts_with(hint) && error.to_string().contains(key),
                "{said}"
            );
        }
    }

    #[test]
    fn what_is_wrong_is_refused_and_named() {
        for (pairs, named) in [
            (vec![], "name"),
            (vec![("name", "")], "name"),
            (vec![("name", "../../etc/passwd")], "name"),
            (vec![("name", "a"), ("filename", "b")], "filename"),
            (vec![("name", "a"), ("spec", "")], "spec"),
            (vec![("name", "a"), ("task", "")], "task"),
            (vec![("name", "a"), ("type", "no-type")], "type"),
            (vec![("name", "a"), ("mime_type", "no type")], "mime_type"),
            (
                vec![("name", "a"), ("type", "a/b"), ("filetype", "c/d")],
                "filetype",
            ),
            (vec![("name", "a"), ("tag.", "x")], "tag."),
            (vec![("name", "a"), ("sha256", "12")], "sha256"),
            (
                vec![("name", "a"), ("retention_days", "-1")],
                "retention_days",
            ),
            (vec![("name", "a"), ("retention_day", "1")], "retention_day"),
        ] {
            let error = of(&pairs).unwrap_err();
            assert!(error.to_string().contains(named), "{pairs:?}: {error}");
        }
    }
}

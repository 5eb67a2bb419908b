//! The path of an artifact in an archive: safe to unpack on every system, readable, and given back its
//! meaning exactly. Knows nothing of archives.

use std::fmt::Write as _;

#[cfg(test)]
use artifact_domain::{ArtifactName, ArtifactType, Error, Result};
use artifact_domain::{Coordinate, Version};

/// The longest segment of a path, in bytes: file systems take 255.
const MAX_SEGMENT_BYTES: usize = 240;

/// What Windows takes for devices, whatever comes after a dot.
const DEVICES: [&str; 6] = ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"];

/// `SPEC/TASK/TYPE/NAME`, with `@VERSION` where one is given.
///
/// What some system does not allow in a file name is percent-encoded, and so is `%` itself. Of a segment
/// that is too long every part but the last ends in a lone `%`, which encoding never gives.
pub(crate) fn archive_path(at: &Coordinate, version: Option<Version>) -> String {
    let mut path = String::new();
    for scope in [at.spec().as_str(), at.task().as_str()] {
        push_segment(&mut path, scope, "");
    }
    push_segment(&mut path, at.artifact_type().as_str(), "");
    let mut segments = at.name().segments().peekable();
    while let Some(segment) = segments.next() {
        let suffix = match version {
            Some(version) if segments.peek().is_none() => format!("@{version}"),
            _ => String::new(),
        };
        push_segment(&mut path, segment, &suffix);
    }
    path
}

fn push_segment(path: &mut String, segment: &str, suffix: &str) {
    if !path.is_empty() {
        path.push('/');
    }
    let encoded = encode(segment);
    let mut rest = encoded.as_str();
    while rest.len() + suffix.len() > MAX_SEGMENT_BYTES {
        let cut = cut_before(rest, MAX_SEGMENT_BYTES - 1);
        path.push_str(&rest[..cut]);
        path.push_str("%/");
        rest = &rest[cut..];
    }
    path.push_str(rest);
    path.push_str(suffix);
}

/// Where to cut: not inside a character or a `%XX`.
fn cut_before(text: &str, limit: usize) -> usize {
    let mut cut = limit.min(text.len() - 1);
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    match text.as_bytes()[..cut]
        .iter()
        .rposition(|byte| *byte == b'%')
    {
        Some(at) if at + 3 > cut => at,
        _ => cut,
    }
}

fn encode(segment: &str) -> String {
    let mut encoded = String::with_capacity(segment.len());
    let last = segment.chars().count().saturating_sub(1);
    let is_device = is_device(segment);
    for (position, letter) in segment.chars().enumerate() {
        let plain = match letter {
            '%' | '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => false,
            // Windows drops them.
            '.' | ' ' if position == last => false,
            _ if position == 0 && is_device => false,
            _ => !letter.is_control(),
        };
        if plain {
            encoded.push(letter);
        } else {
            for byte in letter.encode_utf8(&mut [0; 4]).bytes() {
                // Writing to a text cannot fail.
                let _ = write!(encoded, "%{byte:02X}");
            }
        }
    }
    encoded
}

fn is_device(segment: &str) -> bool {
    let stem = segment.split('.').next().unwrap_or_default();
    let stem = stem.trim_end_matches(' ').to_uppercase();
    let numbered = ["COM", "LPT"].iter().any(|port| {
        let mut number = stem.strip_prefix(port).unwrap_or_default().chars();
        let digit = number.next();
        number.next().is_none()
            && digit.is_some_and(|digit| digit.is_ascii_digit() || "¹²³".contains(digit))
    });
    numbered || DEVICES.contains(&stem.as_str())
}

/// The coordinate, and the version if `with_version`, of a path that [`archive_path`] gave.
///
/// Errors: `InvalidInput` for every other text.
#[cfg(test)]
pub(crate) fn parse_archive_path(
    path: &str,
    with_version: bool,
) -> Result<(Coordinate, Option<Version>)> {
    let refuse =
        || Error::invalid_input(format!("`{path}` is not the path of an exported artifact"));
    let mut segments = Vec::new();
    let mut open = String::new();
    for part in path.split('/') {
        match part.strip_suffix('%') {
            Some(part) => open.push_str(part),
            None => segments.push(std::mem::take(&mut open) + part),
        }
    }
    let mut version = None;
    if with_version {
        let last = segments.pop().ok_or_else(refuse)?;
        let (name, number) = last.rsplit_once('@').ok_or_else(refuse)?;
        version = Some(number.parse()?);
        segments.push(name.to_owned());
    }
    let decoded = segments
        .iter()
        .map(|segment| decode(segment).ok_or_else(refuse))
        .collect::<Result<Vec<_>>>()?;
    let [spec, task, artifact_type, name @ ..] = &decoded[..] else {
        return Err(refuse());
    };
    let artifact_type: ArtifactType = artifact_type.parse()?;
    let name = ArtifactName::new(name.join("/"))?;
    let at = Coordinate::new(spec.parse()?, task.parse()?, artifact_type, name)?;
    // One artifact has one path.
    if archive_path(&at, version) == path {
        Ok((at, version))
    } else {
        Err(refuse())
    }
}

#[cfg(test)]
fn decode(segment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte == b'%' {
            let (digits, tail) = rest.split_at_checked(2)?;
            let digits = std::str::from_utf8(digits).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = tail;
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(spec: &str, task: &str, artifact_type: &str, name: &str) -> Coordinate {
        Coordinate::new(
            spec.parse().unwrap(),
            task.parse().unwrap(),
            artifact_type.parse().unwrap(),
            name.parse().unwrap(),
        )
        .unwrap()
    }

    #[test]
    fn paths_stand_as_documented() {
        let path = |at: &Coordinate, version: Option<u32>| {
            let version = version.map(|number| Version::new(number).unwrap());
            archive_path(at, version)
        };
        let plain = at("demo", "1", "log", "dir/build log.txt");
        assert_eq!(path(&plain, None), "demo/1/log/dir/build log.txt");
        assert_eq!(path(&plain, Some(2)), "demo/1/log/dir/build log.txt@2");
        let odd = at(
            "org/repo",
            "run 1",
            "custom:trace",
            "é/a:b?/50%/end./aux.c/COM1",
        );
        assert_eq!(
            path(&odd, None),
            "org%2Frepo/run 1/custom%3Atrace/é/a%3Ab%3F/50%25/end%2E/%61ux.c/%43OM1"
        );
        let long = at("s", "t", "data", &"x".repeat(300));
        let expected = format!("s/t/data/{}%/{}@1", "x".repeat(239), "x".repeat(61));
        assert_eq!(path(&long, Some(1)), expected);
    }

    #[test]
    fn what_is_no_path_of_ours_is_refused() {
        for bad in [
            "",
            "a/b/log",
            "../b/log/c",
            "a/b/log/../c",
            "a/b/nothing/c",
            "a/b/log/%zz",
            "a/b/log/%41",
            "a/b/log/c%",
            "/a/b/log/c",
        ] {
            assert!(parse_archive_path(bad, false).is_err(), "{bad} was taken");
        }
        for bad in ["a/b/log/c", "a/b/log/c@0", "a/b/log/c@01", "a/b/log/@1"] {
            assert!(parse_archive_path(bad, true).is_err(), "{bad} was taken");
        }
    }

    proptest! {
        #[test]
        fn paths_are_safe_and_give_back_what_they_stand_for(
            spec in r"[a-c%./:\\ ]{1,9}",
            name in r#"([aAé%.:\\ @~*?"<>|-]{1,90}|(con|NUL|lpt1)(\.[a.]{1,3})?| ?x)(/[a-z. %]{1,200}){0,3}"#,
            version in proptest::option::of(1..30_u32),
        ) {
            let coordinate = spec.parse().ok().zip(name.parse::<ArtifactName>().ok()).and_then(|(spec, name)| {
                Coordinate::new(spec, "t".parse().unwrap(), ArtifactType::Data, name).ok()
            });
            let Some(coordinate) = coordinate else { return Ok(()) };
            let version = version.map(|number| Version::new(number).unwrap());
            let path = archive_path(&coordinate, version);
            for segment in path.split('/') {
                prop_assert!(!segment.is_empty() && segment.len() <= MAX_SEGMENT_BYTES);
                prop_assert!(!segment.contains(['\\', ':', '*', '?', '"', '<', '>', '|']));
                prop_assert!(!segment.ends_with(['.', ' ']), "{path}");
                prop_assert!(!is_device(segment), "{path}");
            }
            let found = parse_archive_path(&path, version.is_some()).unwrap();
            prop_assert_eq!(found, (coordinate, version));
        }
    }
}

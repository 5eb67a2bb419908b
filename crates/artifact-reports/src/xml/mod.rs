//! XML as a stream of tags in bounded memory. Knows no report.
//!
//! What lies between tags is dropped before it is looked at: no report needs it, and it may be any
//! length. A document type with declarations of its own is refused, so that there are no entities to
//! expand and none to fetch.

mod tags;

use std::borrow::Cow;
use std::io::{BufReader, Read};

use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use quick_xml::reader::Reader;

use crate::Unreadable;
use tags::Tags;

/// The deepest nesting that a report may have.
const MAX_DEPTH: usize = 128;

/// A step through a document.
#[derive(Debug)]
pub(crate) enum Step<'a> {
    /// An element begins.
    Open(Element<'a>),
    /// An element of this name ends.
    Close(&'a str),
}

/// The start of an element.
#[derive(Debug)]
pub(crate) struct Element<'a>(&'a BytesStart<'a>);

impl Element<'_> {
    /// Its name without a prefix.
    pub(crate) fn name(&self) -> &str {
        local(self.0.name().into_inner())
    }

    /// The value of an attribute.
    pub(crate) fn get(&self, name: &str) -> Result<Option<String>, Unreadable> {
        // Checks for repetitions would take time in the square of their number.
        for attribute in self.0.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| malformed(&error))?;
            if local(attribute.key.into_inner()) == name {
                let value = attribute
                    .normalized_value(XmlVersion::Implicit1_0)
                    .map_err(|error| malformed(&error))?;
                return Ok(Some(Cow::into_owned(value)));
            }
        }
        Ok(None)
    }

    /// The value of an attribute as a number; none where it is no number.
    pub(crate) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, Unreadable> {
        let text = self.get(name)?;
        Ok(text.and_then(|text| text.trim().parse().ok()))
    }
}

fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

/// Goes through a document from its beginning to its end.
pub(crate) fn walk(
    input: impl Read,
    mut see: impl FnMut(Step<'_>) -> Result<(), Unreadable>,
) -> Result<(), Unreadable> {
    let tags = BufReader::new(Tags::new(BufReader::new(input)));
    let mut reader = Reader::from_reader(tags);
    let mut buffer = Vec::new();
    let (mut depth, mut roots) = (0_usize, 0);
    loop {
        buffer.clear();
        let event = reader.read_event_into(&mut buffer).map_err(explain)?;
        match &event {
            Event::Start(start) | Event::Empty(start) => {
                if depth == 0 {
                    roots += 1;
                }
                if depth == MAX_DEPTH || roots > 1 {
                    return Err(Unreadable::new("it is nested too deeply or has two roots"));
                }
                see(Step::Open(Element(start)))?;
                if matches!(event, Event::Start(_)) {
                    depth += 1;
                } else {
                    see(Step::Close(local(start.name().into_inner())))?;
                }
            }
            Event::End(end) => {
                depth = depth.saturating_sub(1);
                see(Step::Close(local(end.name().into_inner())))?;
            }
            Event::Eof if depth > 0 => return Err(Unreadable::new("it is cut off")),
            Event::Eof if roots == 0 => return Err(Unreadable::new("it is empty")),
            Event::Eof => return Ok(()),
            _ => {}
        }
    }
}

fn explain(error: quick_xml::Error) -> Unreadable {
    match error {
        quick_xml::Error::Io(cause) => Unreadable::new(cause.to_string()),
        other => malformed(&other),
    }
}

fn malformed(error: &dyn std::fmt::Display) -> Unreadable {
    Unreadable::new(format!("its XML is malformed: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(text: &[u8]) -> Result<Vec<String>, Unreadable> {
        let mut steps = Vec::new();
        walk(text, |step| {
            steps.push(match step {
                Step::Open(element) => {
                    format!("{} {:?}", element.name(), element.get("a")?)
                }
                Step::Close(name) => format!("/{name}"),
            });
            Ok(())
        })?;
        Ok(steps)
    }

    #[test]
    fn only_tags_are_seen() {
        let text = "<?xml version='1.0'?><!DOCTYPE r SYSTEM \"x.dtd\"><!-- <no> --><x:r b='1' \
                    a=\"1 > &lt;&#65;&quot;\">text &nonsense; <![CDATA[ <no> ]] > ]]><e/></x:r>";
        let expected = ["r Some(\"1 > <A\\\"\")", "e None", "/e", "/r"];
        assert_eq!(steps(text.as_bytes()).unwrap(), expected);
    }

    #[test]
    fn what_is_malformed_cut_off_or_hostile_is_refused() {
        let deep = "<a>".repeat(1_000);
        let long = format!("<a b='{}'/>", "x".repeat(3 << 20));
        let laughs = "<!DOCTYPE a [<!ENTITY l \"ha\"><!ENTITY m \"&l;&l;\">]><a a='&m;'/>";
        let outside = "<!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a a='&x;'/>";
        let cases: [&[u8]; 14] = [
            b"",
            b"<a>",
            b"<a><b></a>",
            b"<a",
            b"<a b='",
            b"<a><!-- ",
            b"<a><![CDATA[ ]]",
            b"<a/><b/>",
            b"<a a='&unknown;'/>",
            b"<a a='\xff'/>",
            deep.as_bytes(),
            long.as_bytes(),
            laughs.as_bytes(),
            outside.as_bytes(),
        ];
        for text in cases {
            let shown = String::from_utf8_lossy(&text[..text.len().min(60)]);
            assert!(steps(text).is_err(), "{shown}");
        }
    }
}

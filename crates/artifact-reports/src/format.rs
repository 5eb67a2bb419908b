//! Which format a report is in, told by its first bytes. Knows no names of files.

/// How many of the first bytes tell the format.
pub const HEAD_BYTES: usize = 8 * 1024;

/// What a report reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Which tests passed and failed.
    Tests,
    /// Which lines were run.
    Coverage,
    /// What a scan or a lint found.
    Findings,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tests, Self::Coverage, Self::Findings];

    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Tests => "tests",
            Self::Coverage => "coverage",
            Self::Findings => "findings",
        }
    }
}

/// A format that can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Format {
    /// The XML that `JUnit` began with, as nextest, pytest, Maven, Gradle and many others write it.
    Junit,
    /// The lines that `cargo test` prints.
    Libtest,
    /// The trace files of `lcov` and `geninfo`.
    Lcov,
    /// The XML of Cobertura.
    Cobertura,
    /// The Static Analysis Results Interchange Format, OASIS, version 2.1.0.
    Sarif,
}

impl Format {
    /// What is reported in it.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Junit | Self::Libtest => Kind::Tests,
            Self::Lcov | Self::Cobertura => Kind::Coverage,
            Self::Sarif => Kind::Findings,
        }
    }

    /// Its name for machines.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::Libtest => "libtest",
            Self::Lcov => "lcov",
            Self::Cobertura => "cobertura",
            Self::Sarif => "sarif",
        }
    }

    /// The format of a report that begins with `head`, of which [`HEAD_BYTES`] are enough.
    pub fn of(head: &[u8]) -> Option<Self> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let text = String::from_utf8_lossy(&head[..head.len().min(HEAD_BYTES)]);
        let start = text.trim_start();
        if start.starts_with('<') {
            return of_xml(start);
        }
        if start.starts_with('{') {
            return is_sarif(start).then_some(Self::Sarif);
        }
        if start.starts_with("TN:") || start.starts_with("SF:") {
            return Some(Self::Lcov);
        }
        text.lines().any(is_of_cargo_test).then_some(Self::Libtest)
    }
}

fn of_xml(text: &str) -> Option<Format> {
    let root = root_element(text)?;
    match root.split([' ', '\t', '\r', '\n', '>', '/']).next()? {
        "testsuites" | "testsuite" => Some(Format::Junit),
        // Clover's root has the same name.
        "coverage" if root.contains("line-rate") => Some(Format::Cobertura),
        _ => None,
    }
}

/// The text from the name of the root element on.
fn root_element(mut rest: &str) -> Option<&str> {
    loop {
        let end = match rest {
            _ if rest.starts_with("<!--") => "-->",
            _ if rest.starts_with("<?") => "?>",
            _ if rest.starts_with("<!") => ">",
            _ => return rest.strip_prefix('<'),
        };
        rest = rest[rest.find(end)? + end.len()..].trim_start();
    }
}

fn is_sarif(text: &str) -> bool {
    let dense: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    let has_runs = dense.contains(r#""runs":"#);
    dense.contains("sarif") && (has_runs || dense.contains(r#""$schema":"#))
        || has_runs && (dense.contains(r#""tool":"#) || dense.contains(r#""version":"2.1"#))
}

/// Whether cargo or libtest prints such lines.
fn is_of_cargo_test(line: &str) -> bool {
    let line = line.trim_start();
    let counts = |line: &str| {
        let number = line.split(' ').next().unwrap_or_default();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    };
    line.strip_prefix("running ")
        .is_some_and(|rest| counts(rest) && rest.contains(" test"))
        || [
            "Compiling ",
            "Running unittests ",
            "Running tests/",
            "Doc-tests ",
        ]
        .iter()
        .any(|word| line.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_by_their_beginning() {
        let cases: [(&str, Option<Format>); 16] = [
            ("<testsuites/>", Some(Format::Junit)),
            (
                "\u{feff}<?xml version=\"1.0\"?>\n<!-- x -->\n<testsuite name=\"a\">",
                Some(Format::Junit),
            ),
            (
                "<?xml version=\"1.0\"?><!DOCTYPE coverage SYSTEM 'x'><coverage line-rate=\"1\">",
                Some(Format::Cobertura),
            ),
            ("<coverage clover=\"3\">", None),
            ("<html>", None),
            ("<testsuitesx>", None),
            ("TN:\nSF:a.rs\n", Some(Format::Lcov)),
            ("SF:a.rs\n", Some(Format::Lcov)),
            (
                "{\"version\": \"2.1.0\", \"runs\" : []}",
                Some(Format::Sarif),
            ),
            (
                "{ \"$schema\": \"https://json.schemastore.org/sarif-2.1.0.json\",",
                Some(Format::Sarif),
            ),
            ("{\"runs\": [{\"tool\": {}}]}", Some(Format::Sarif)),
            ("{\"runs\": 3}", None),
            ("\nrunning 3 tests\ntest a ... ok\n", Some(Format::Libtest)),
            ("   Compiling a v0.1.0\n", Some(Format::Libtest)),
            ("running shoes\n", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Format::of(text.as_bytes()), expected, "{text}");
        }
    }
}

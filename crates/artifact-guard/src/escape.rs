//! What logs and strings write for a character: control sequences of terminals, `\n`, `%3D`. Knows no rule.

/// The most bytes that are looked at before a word.
pub(crate) const BEFORE_BYTES: usize = 40;

/// Whether a word that comes behind these bytes goes on with one that they end in.
pub(crate) fn ends_in_word(before: &[u8]) -> bool {
    let before = &before[before.len().saturating_sub(BEFORE_BYTES)..];
    match before {
        [] | [.., b'\\', b'n' | b'r' | b't'] => false,
        [.., last] if !is_word(*last) => false,
        [.., last] => {
            !ends_in_control_sequence(before) && is_word(escaped(before).unwrap_or(*last))
        }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether they end in what sets a colour or the like. Its first character, an escape, many logs have lost.
fn ends_in_control_sequence(bytes: &[u8]) -> bool {
    let [before @ .., last] = bytes else {
        return false;
    };
    let introducer = before.iter().rfind(|byte| !is_parameter(**byte));
    last.is_ascii_alphabetic() && introducer == Some(&b'[')
}

/// The character that they end in, where it is written as `%XX`, `\xXX` or `\uXXXX`.
fn escaped(bytes: &[u8]) -> Option<u8> {
    let (before, digits) = bytes.split_at_checked(bytes.len().checked_sub(2)?)?;
    let byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    let mut outer = before;
    // A percent sign may be escaped itself, as often as an address stands within another one.
    while let [rest @ .., b'2', b'5'] = outer {
        outer = rest;
    }
    let is_one = outer.ends_with(b"%") || before.ends_with(b"\\x") || before.ends_with(b"\\u00");
    is_one.then_some(byte)
}

/// The same text without control sequences, and with what is escaped as it is.
pub(crate) fn unescaped(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    let may_begin_one = |byte: &u8| b"\x1b^[\\&".contains(byte);
    while let Some(at) = rest.iter().position(may_begin_one) {
        plain.extend_from_slice(&rest[..at]);
        let (character, behind) = character(&rest[at..]);
        plain.extend(character);
        rest = behind;
    }
    plain.extend_from_slice(rest);
    plain
}

/// What these bytes begin with, nothing if that is a control sequence, and what comes behind it.
fn character(bytes: &[u8]) -> (Option<u8>, &[u8]) {
    if let Some(behind) = behind_control_sequence(bytes) {
        return (None, behind);
    }
    if let Some(behind) = without_any(bytes, &LINE_ENDS) {
        return (Some(b'\n'), behind);
    }
    match without_backslashes(bytes) {
        escaped if escaped.len() == bytes.len() => (Some(bytes[0]), &bytes[1..]),
        [b'n' | b'r', behind @ ..] => (Some(b'\n'), behind),
        [b't', behind @ ..] => (Some(b' '), behind),
        [byte @ (b'/' | b'"' | b'\''), behind @ ..] => (Some(*byte), behind),
        behind => (Some(b'\\'), behind),
    }
}

/// How XML writes the end of a line in an attribute.
const LINE_ENDS: [&[u8]; 6] = [b"&#10;", b"&#13;", b"&#xA;", b"&#xD;", b"&#xa;", b"&#xd;"];

/// What control sequences begin with, and how that is written behind a backslash.
const BEGINNINGS: [&[u8]; 2] = [b"\x1b[", b"^[["];
const ESCAPED_BEGINNINGS: [&[u8]; 6] = [b"u001b[", b"u001B[", b"x1b[", b"x1B[", b"033[", b"e["];

/// The most bytes of the parameters of a control sequence.
const PARAMETER_BYTES: usize = 32;

/// What comes behind the control sequence that these bytes begin with. Without its escape character, it is
/// one only if it sets a colour.
fn behind_control_sequence(bytes: &[u8]) -> Option<&[u8]> {
    let unescaped = without_backslashes(bytes);
    let begun = if unescaped.len() == bytes.len() {
        without_any(bytes, &BEGINNINGS)
    } else {
        without_any(unescaped, &ESCAPED_BEGINNINGS)
    };
    let parameters = begun.or_else(|| bytes.strip_prefix(b"["))?;
    let mut all = parameters.iter().take(PARAMETER_BYTES + 1);
    let end = all.position(|byte| !is_parameter(*byte))?;
    let last = parameters[end];
    let is_colour = end > 0 && last == b'm';
    let is_one = is_colour || begun.is_some() && last.is_ascii_alphabetic();
    is_one.then(|| &parameters[end + 1..])
}

fn is_parameter(byte: u8) -> bool {
    byte.is_ascii_digit() || b";:?".contains(&byte)
}

fn without_any<'a>(bytes: &'a [u8], beginnings: &[&[u8]]) -> Option<&'a [u8]> {
    beginnings
        .iter()
        .find_map(|begin| bytes.strip_prefix(*begin))
}

fn without_backslashes(bytes: &[u8]) -> &[u8] {
    let count = bytes.iter().take_while(|byte| **byte == b'\\').count();
    &bytes[count..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_a_character_is_read_as_it() {
        for (text, plain) in [
            ("a\x1b[1;32mb\x1b[0m", "ab"),
            (r"a\u001b[32mb\\x1B[Kc\033[md\e[me", "abcde"),
            ("[2024] [32mb^[[0m", "[2024] b"),
            (r#"a\nb\\r\\nc\/d\"e\tf\g"#, "a\nb\n\nc/d\"e f\\g"),
            (r"a\", "a\\"),
            ("a&#10;b&#xD;&#xA;c&#x41;", "a\nb\n\nc&#x41;"),
            ("", ""),
        ] {
            let read = String::from_utf8(unescaped(text.as_bytes())).unwrap();
            assert_eq!(read, plain, "{text}");
        }
    }

    #[test]
    fn nothing_is_read_into_what_is_too_short() {
        for text in ["3D", "D", "[", "m", "%3", r"\u3D"] {
            assert_eq!(ends_in_word(text.as_bytes()), text != "[", "{text}");
        }
        assert!(!ends_in_word(b"%3D"));
        assert!(!ends_in_word(b"[m"));
    }
}

//! `Content-Disposition` (RFC 6266, RFC 8187): under which name a browser saves an artifact, and
//! whether it may show it.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// What RFC 8187 lets stand for itself.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Types that a browser shows without running anything in them.
const SHOWN: &[&str] = &[
    "application/json",
    "application/pdf",
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/webp",
    "text/csv",
    "text/markdown",
    "text/plain",
    "text/x-diff",
];

/// Whether it is shown or saved, as the caller wants it, or by its type.
pub(crate) fn of(mime_type: &str, file_name: &str, is_download: Option<bool>) -> String {
    let essence = mime_type.split(';').next().unwrap_or_default().trim();
    let is_media = essence.starts_with("audio/") || essence.starts_with("video/");
    let is_shown = is_media || SHOWN.contains(&essence);
    let way = if is_download.unwrap_or(!is_shown) {
        "attachment"
    } else {
        "inline"
    };
    let plain: String = file_name
        .chars()
        .map(|c| match c {
            '"' | '\\' | '%' => '_',
            c if c.is_ascii_graphic() || c == ' ' => c,
            _ => '_',
        })
        .collect();
    if plain == file_name {
        return format!("{way}; filename=\"{plain}\"");
    }
    let encoded = utf8_percent_encode(file_name, ATTR_CHAR);
    format!("{way}; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_language_are_kept() {
        let of = |name| of("application/zip", name, None);
        assert_eq!(of("a b.zip"), "attachment; filename=\"a b.zip\"");
        assert_eq!(
            of("Größe \"1\".zip"),
            "attachment; filename=\"Gr__e _1_.zip\"; filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%221%22.zip"
        );
    }

    #[test]
    fn what_could_run_is_saved() {
        let way = |mime, wish| of(mime, "x", wish).starts_with("attachment");
        assert!(way("text/html", None) && way("image/svg+xml", None));
        assert!(!way("text/plain; charset=utf-8", None) && !way("video/mp4", None));
        assert!(!way("text/html", Some(false)) && way("image/png", Some(true)));
    }
}

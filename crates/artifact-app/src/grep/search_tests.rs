//! The search of a text against a filter over its lines, however the text comes.

use futures::TryStreamExt;
use proptest::prelude::*;

use super::*;
use crate::grep::PatternOptions;
use crate::pipe::pipe_of;

/// Gives so many bytes at a time.
struct Slow(std::io::Cursor<Vec<u8>>, usize);

impl Read for Slow {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.1.min(buffer.len());
        self.0.read(&mut buffer[..count])
    }
}

type Line = (bool, u64, Vec<u8>, bool, bool);

fn found(text: Vec<u8>, chunk: usize, options: &SearchOptions) -> (Vec<Line>, TextEnd) {
    let options = options.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async move {
        let mut all = pipe_of(2, move |output| {
            let input = Slow(std::io::Cursor::new(text), chunk);
            search(input, &options, &output)
        });
        let (mut lines, mut end) = (Vec::new(), None);
        while let Some(found) = all.try_next().await.unwrap() {
            assert_eq!(end, None, "something comes after the end");
            match found {
                Found::Lines(batch) => lines.extend(batch.iter().map(|line| {
                    (
                        line.kind == GrepKind::Match,
                        line.number,
                        line.text.to_vec(),
                        line.is_cut,
                        line.after_gap,
                    )
                })),
                Found::Read(_) => {}
                Found::End(last) => end = Some(last),
            }
        }
        (lines, end.unwrap())
    })
}

fn options(pattern: &str, before: u16, after: u16) -> SearchOptions {
    SearchOptions {
        pattern: Pattern::new(pattern, PatternOptions::default()).unwrap(),
        output: GrepOutput::Lines {
            before,
            after,
            submatches: false,
        },
        invert: false,
        binary_as_text: false,
        max_count: None,
    }
}

/// The lines of a text, each up to its newline.
fn lines_of(text: &[u8]) -> Vec<&[u8]> {
    let lines = text.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line))
        .collect()
}

/// What is to be found: a plain filter over lines, with what stands around them.
fn naive(
    text: &[u8],
    max: usize,
    (before, after): (usize, usize),
    matches: impl Fn(&[u8]) -> bool,
) -> Vec<Line> {
    let lines: Vec<_> = lines_of(text)
        .into_iter()
        .map(|line| (&line[..line.len().min(max)], line.len() > max))
        .collect();
    let hits: Vec<_> = lines.iter().map(|(line, _)| matches(line)).collect();
    let mut found: Vec<Line> = Vec::new();
    for (at, (line, is_cut)) in lines.iter().enumerate() {
        let near = hits[at.saturating_sub(after)..(at + before + 1).min(hits.len())]
            .iter()
            .any(|hit| *hit);
        if near {
            let number = at as u64 + 1;
            let gap = before + after > 0 && found.last().is_some_and(|last| last.1 + 1 < number);
            found.push((hits[at], number, line.to_vec(), *is_cut, gap));
        }
    }
    found
}

/// Lines of a few letters, some with what is no UTF-8, some empty, some without an end.
fn texts() -> impl Strategy<Value = Vec<u8>> {
    let letter = prop_oneof![
        6 => Just(b'a'), 6 => Just(b'b'), 2 => Just(b' '), 4 => Just(b'\n'), 1 => Just(b'\r'),
        1 => Just(0xff),
    ];
    let short = proptest::collection::vec(letter, 0..300);
    // As long as the head, the searcher's buffer and a line may be, and a little less or more.
    let border = prop_oneof![Just(8_192_usize), Just(65_536), Just(MAX_LINE_BYTES)];
    let filled = (border, 0_usize..6, short.clone()).prop_map(|(border, less, end)| {
        let mut text = vec![b' '; border - less];
        text.extend(end);
        text
    });
    let lines = (short.clone(), 1_usize..400).prop_map(|(line, times)| line.repeat(times));
    prop_oneof![4 => short, 2 => filled, 1 => lines]
}

proptest! {
    #[test]
    fn it_finds_what_a_filter_over_lines_finds(
        text in texts(),
        chunk in prop_oneof![Just(usize::MAX), 1_usize..10, 4_000_usize..70_000],
        pattern in prop_oneof![
            Just("ab"), Just("^a"), Just("b$"), Just("^$"), Just("a+b|ba "), Just("(?-u:\\xff)"),
            Just(""), Just("a.b"),
        ],
        before in 0_u16..4,
        after in 0_u16..4,
        invert: bool,
        most in 1_u64..5,
    ) {
        let mut options = options(pattern, before, after);
        options.invert = invert;
        let regex = regex::bytes::Regex::new(pattern).unwrap();
        let around = (before.into(), after.into());
        let expected = naive(&text, MAX_LINE_BYTES, around, |line| regex.is_match(line) != invert);
        let chunk = if text.len() > 10_000 { chunk.max(1_000) } else { chunk };
        let (lines, end) = found(text.clone(), chunk, &options);
        prop_assert_eq!(end.matches, expected.iter().filter(|line| line.0).count() as u64);
        prop_assert!(lines == expected, "{} lines for {}", lines.len(), expected.len());

        options.max_count = Some(most);
        let (first, limited) = found(text.clone(), chunk, &options);
        let upto = |lines: &[Line]| {
            let mut hits = lines.iter().enumerate().filter(|(_, line)| line.0);
            let last = hits.nth(usize::try_from(most).unwrap() - 1);
            last.map_or(lines.to_vec(), |(at, _)| lines[..=at].to_vec())
        };
        prop_assert_eq!(limited.matches, upto(&expected).iter().filter(|line| line.0).count() as u64);
        prop_assert!(upto(&first) == upto(&expected));
        let more = first.len() - upto(&expected).len();
        prop_assert!(more <= usize::from(after), "{} lines after the last of {}", more, most);

        options.max_count = None;
        options.output = GrepOutput::Counts;
        let (none, counted) = found(text.clone(), chunk, &options);
        prop_assert_eq!((none.len(), counted.matches), (0, end.matches));
        options.output = GrepOutput::Artifacts;
        let (_, seen) = found(text, chunk, &options);
        prop_assert_eq!(seen.matches, end.matches.min(1));
    }
}

#[test]
fn a_line_is_searched_as_far_as_it_fits() {
    let long = |before: &str| {
        let mut text = before.as_bytes().to_vec();
        text.resize(MAX_LINE_BYTES + 5, b'.');
        text
    };
    let text = [&long("hit one")[..], b"late hit\n", &long(""), b"hit\nhit"].concat();
    let (lines, end) = found(text, 10_000, &options("hit", 0, 0));
    let numbers: Vec<_> = lines
        .iter()
        .map(|line| (line.1, line.2.len(), line.3))
        .collect();
    assert_eq!(numbers, [(1, MAX_LINE_BYTES, true), (3, 3, false)]);
    assert_eq!((end.matches, end.cut_lines), (2, 2));

    // What is held for context before bounds the line.
    let (_, end) = found(long(""), usize::MAX, &options("hit", 500, 0));
    assert_eq!(end.cut_lines, 1);
    assert_eq!(options("hit", 500, 0).max_line_bytes(), 4_185);
    assert_eq!(options("hit", 0, 500).max_line_bytes(), MAX_LINE_BYTES);
}

#[test]
fn a_character_is_not_cut_in_two() {
    let text = "é".repeat(MAX_LINE_BYTES);
    let (lines, _) = found(
        format!("x{text}").into_bytes(),
        1_000,
        &options("^xé", 0, 0),
    );
    assert_eq!(lines[0].2.len(), MAX_LINE_BYTES - 1);
    assert!(std::str::from_utf8(&lines[0].2).is_ok() && lines[0].3);
}

#[test]
fn binary_is_not_searched_unless_it_is_asked_for() {
    let early = b"hit\n\0hit\n".to_vec();
    let (lines, end) = found(early.clone(), 3, &options("hit", 0, 0));
    assert_eq!((lines.len(), end.matches, end.binary_at), (0, 0, Some(4)));
    let mut as_text = options("hit", 0, 0);
    as_text.binary_as_text = true;
    let (lines, end) = found(early, 3, &as_text);
    assert_eq!((lines.len(), end.binary_at), (2, None));
    assert_eq!(lines[1].2, b"\0hit");

    let late = [&b"hit\n".repeat(5_000)[..], b"\0", &b"hit\n".repeat(5)].concat();
    let (lines, end) = found(late, 777, &options("hit", 0, 0));
    assert_eq!((lines.len(), end.binary_at), (5_000, Some(20_000)));
}

#[test]
fn it_stops_at_the_count_and_gives_the_context_of_the_last() {
    let text = b"hit 1\na\nhit 2\nb\nhit 3\nc\n".to_vec();
    let mut options = options("hit", 0, 1);
    options.max_count = Some(2);
    let (lines, end) = found(text, 1, &options);
    let numbers: Vec<_> = lines.iter().map(|line| line.1).collect();
    assert_eq!((numbers, end.matches), (vec![1, 2, 3, 4], 2));
}

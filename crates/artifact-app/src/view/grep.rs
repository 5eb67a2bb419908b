//! What a search in contents finds, as documents.

use artifact_api as api;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::{GrepEnd, GrepKind, GrepLine, GrepLines, GrepReport, GrepSource};

/// Lines of an artifact.
pub fn lines(source: &GrepSource, lines: &GrepLines) -> api::GrepEvent {
    api::GrepEvent::Lines {
        id: source.record.id,
        uri: source.uri.clone(),
        lines: lines.iter().map(|one| line(&one)).collect(),
    }
}

fn line(line: &GrepLine<'_>) -> api::GrepLine {
    let text = std::str::from_utf8(line.text).ok();
    api::GrepLine {
        is_context: line.kind == GrepKind::Context,
        number: line.number,
        text: text.map(str::to_owned),
        bytes: text.is_none().then(|| STANDARD.encode(line.text)),
        submatches: line.submatches.to_vec(),
        is_cut: line.is_cut,
        after_gap: line.after_gap,
    }
}

/// How the search of an artifact ended.
pub fn ended(source: &GrepSource, end: &GrepEnd) -> api::GrepEvent {
    api::GrepEvent::Ended {
        id: source.record.id,
        uri: source.uri.clone(),
        matches: end.matches,
        binary_at: end.binary_at,
        cut_lines: end.cut_lines,
    }
}

/// What was searched in all.
pub fn report(report: &GrepReport) -> api::GrepReport {
    api::GrepReport {
        artifacts: report.artifacts,
        binary_artifacts: report.binary_artifacts,
        cut_lines: report.cut_lines,
        cut_short: report.is_cut_short,
        failed_artifacts: report.failed_artifacts,
        gone_artifacts: report.gone_artifacts,
        left_out_artifacts: report.left_out_artifacts,
        left_out_bytes: report.left_out_bytes,
        matches: report.matches,
        matching_artifacts: report.matching_artifacts,
        size_bytes: report.size_bytes,
    }
}

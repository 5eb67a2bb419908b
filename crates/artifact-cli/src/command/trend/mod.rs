//! `artifact trend`: how much of something was stored on each day.

mod chart;

use std::io::{self, IsTerminal};

use artifact_api::TrendDay;
use artifact_domain::query::{Filter, Glob, TagFilter};
use artifact_domain::{ArtifactType, Error};
use clap::{Args, ValueEnum};
use indicatif::HumanBytes;

use crate::context::Context;
use crate::failures::Failure;

/// What to count, and over how many days.
#[derive(Debug, Args)]
#[command(after_help = "\
A day is one of UTC, and the last one is today. Every day is there, with 0 where nothing was stored.
All versions count that can still be read. A median of more than 250,000 versions a day is off by at
most 0.8 %; it has ~ before it.

Examples:
  artifact trend --type log --days 14
  artifact trend --type coverage-report --task 'main-*' --format chart
  artifact trend --type screenshot --days 90 --format csv > screenshots.csv")]
pub(crate) struct TrendArgs {
    /// This type; several times for all of several [default: all types]
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<ArtifactType>,
    /// So many days, up to today
    #[arg(long, value_name = "N", default_value_t = 30)]
    days: u32,
    /// Specs that match this pattern
    #[arg(long, value_name = "GLOB")]
    spec: Option<Glob>,
    /// Tasks that match this pattern
    #[arg(long, visible_aliases = ["job", "execution"], value_name = "GLOB")]
    task: Option<Glob>,
    /// Names that match this pattern
    #[arg(long, value_name = "GLOB")]
    name: Option<Glob>,
    /// With this tag, whatever its value, or with this value; several times for all of several
    #[arg(long = "tag", value_name = "K[=V]", value_parser = TagFilter::parse)]
    tags: Vec<TagFilter>,
    /// How to print it [default: a table, with a chart below it on a terminal]
    #[arg(long, value_enum, value_name = "FORMAT")]
    format: Option<Format>,
}

/// How a trend is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// One line per day
    Table,
    /// A line of bars each for count, size and median
    Chart,
    /// Comma-separated values with a header
    Csv,
}

pub(crate) async fn run(args: TrendArgs, context: &Context) -> Result<(), Failure> {
    if args.format.is_some() && context.ui.json() {
        return Err(Error::invalid_input("--json and --format exclude each other").into());
    }
    let service = context.service().await?;
    let filter = Filter {
        spec: args.spec,
        task: args.task,
        name: args.name,
        types: args.types,
        tags: args.tags,
        ..Filter::default()
    };
    let days = context
        .interrupt
        .cut_off(Box::pin(service.trend(filter, args.days)))
        .await??;
    if context.ui.json() {
        for day in &days {
            context.ui.object(day)?;
        }
        return Ok(());
    }
    let lines = match args.format {
        Some(Format::Csv) => csv(&days),
        Some(Format::Chart) => chart::lines(&days),
        None if io::stdout().is_terminal() => [table(&days), chart::lines(&days)].concat(),
        Some(Format::Table) | None => table(&days),
    };
    for line in lines {
        context.ui.line(line)?;
    }
    Ok(())
}

fn csv(days: &[TrendDay]) -> Vec<String> {
    let header = "date,count,size_bytes,stored_size_bytes,median_size_bytes".to_owned();
    let row = |day: &TrendDay| {
        let median = day.median_size_bytes.map(|median| median.to_string());
        format!(
            "{},{},{},{},{}",
            day.date,
            day.count,
            day.size_bytes,
            day.stored_size_bytes,
            median.unwrap_or_default()
        )
    };
    std::iter::once(header)
        .chain(days.iter().map(row))
        .collect()
}

fn table(days: &[TrendDay]) -> Vec<String> {
    let line = |date: &str, count: &str, size: &str, stored: &str, median: &str| {
        format!("{date:<10}  {count:>9}  {size:>12}  {stored:>12}  {median:>12}")
    };
    let bytes = |count: u64| HumanBytes(count).to_string();
    let row = |day: &TrendDay| {
        let about = if day.median_is_exact { "" } else { "~" };
        let median = day.median_size_bytes.map_or_else(
            || "-".to_owned(),
            |median| format!("{about}{}", bytes(median)),
        );
        line(
            &day.date,
            &day.count.to_string(),
            &bytes(day.size_bytes),
            &bytes(day.stored_size_bytes),
            &median,
        )
    };
    std::iter::once(line("date", "count", "size", "stored", "median"))
        .chain(days.iter().map(row))
        .collect()
}

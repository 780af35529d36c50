//! From what was counted to the report.

use tamis_engine::human;
use tamis_engine::sketch::{HyperLogLog, Sketch};

use super::LogOptions;
use super::level::Level;
use super::report::{
    Bucket, Group, Groups, InputReport, LatencyReport, LineReport, RangeReport, Report,
    SCHEMA_VERSION, Share, Timeline, TopValue, TopValues, UnparsedLine,
};
use super::state::InputState;
use super::table::{Ranking, SAMPLE_EVENTS};
use super::tally::{Dimension, LATENCY_BITS, Latencies, Sums, Tables, Tally};
use super::time::Range;
use super::time::civil::rfc3339;

/// Unparsed lines that are shown.
const UNPARSED_MAX: usize = 5;

/// All that a report is made of.
pub(super) struct Summary<'a> {
    pub(super) total: &'a Tally,
    pub(super) tables: &'a Tables,
    pub(super) inputs: &'a [InputState],
    pub(super) notes: &'a [String],
    pub(super) offset_seconds: i32,
    pub(super) range: Range,
    pub(super) options: &'a LogOptions,
}

pub(super) fn report(summary: &Summary<'_>) -> Report {
    let sums = &summary.total.sums;
    let at = |time_us: i64| rfc3339(time_us, summary.offset_seconds);
    let has_times = sums.first_us <= sums.last_us;
    Report {
        schema_version: SCHEMA_VERSION,
        inputs: summary.inputs.iter().map(input).collect(),
        range: RangeReport {
            since: summary.range.since_us.map(at),
            until: summary.range.until_us.map(at),
            records_outside: summary.inputs.iter().map(|it| it.merged.outside).sum(),
        },
        first: has_times.then(|| at(sums.first_us)),
        last: has_times.then(|| at(sums.last_us)),
        utc_offset_seconds: summary.offset_seconds,
        events: sums.events,
        errors: sums.errors,
        error_rate: (sums.with_outcome > 0).then(|| part(sums.errors, sums.with_outcome)),
        events_without_time: sums.without_time,
        lines: lines(summary.inputs),
        unparsed: unparsed(summary.inputs),
        log_bytes: sums.log_bytes,
        response_bytes: (sums.with_bytes > 0).then_some(sums.bytes),
        latency: latency(&summary.total.latencies),
        timeline: timeline(summary),
        status: statuses(sums),
        levels: levels(sums),
        paths: top_values(summary, Dimension::Path),
        clients: top_values(summary, Dimension::Client),
        hosts: top_values(summary, Dimension::Host),
        apps: top_values(summary, Dimension::App),
        by: groups(summary),
        notes: notes(summary),
    }
}

fn input(state: &InputState) -> InputReport {
    let merged = &state.merged;
    let is_whole = state.skipped_bytes == 0;
    InputReport {
        name: state.name.clone(),
        format: state.format.clone(),
        bytes: state.len_bytes.unwrap_or(state.read_bytes),
        bytes_read: state.read_bytes + state.probed_bytes,
        bytes_skipped: state.skipped_bytes,
        skipped_share: part(state.skipped_bytes, state.len_bytes.unwrap_or(0)),
        probes: state.probes,
        lines: merged.lines,
        events: merged.events,
        unparsed: merged.unparsed,
        out_of_order_seconds: is_whole.then_some(merged.order.back_us as f64 / 1e6),
    }
}

fn lines(inputs: &[InputState]) -> LineReport {
    let mut lines = LineReport::default();
    for merged in inputs.iter().map(|input| &input.merged) {
        lines.total += merged.lines;
        lines.blank += merged.blank;
        lines.continued += merged.continued_lines;
        lines.continued_events += merged.continued_events;
        lines.unparsed += merged.unparsed;
    }
    lines
}

fn unparsed(inputs: &[InputState]) -> Vec<UnparsedLine> {
    let of_input = |input: &InputState| {
        let line = |sample: &super::chunk::Sample| UnparsedLine {
            input: input.name.clone(),
            line: input.has_lines.then_some(sample.line + 1),
            byte_offset: sample.byte_offset,
            text: String::from_utf8_lossy(&sample.text).into_owned(),
        };
        input.merged.samples.iter().map(line).collect::<Vec<_>>()
    };
    inputs
        .iter()
        .flat_map(of_input)
        .take(UNPARSED_MAX)
        .collect()
}

fn latency(latencies: &Latencies) -> Option<LatencyReport> {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let quantile = |share: f64| {
        let ns = quantile(&latencies.sketch, share)?;
        Some(seconds(ns.round() as u64).clamp(seconds(latencies.min_ns), seconds(latencies.max_ns)))
    };
    Some(LatencyReport {
        count: latencies.count,
        mean: (latencies.sum_ns / u128::from(latencies.count.max(1))) as f64 / 1e9,
        min: seconds(latencies.min_ns),
        p50: quantile(0.5)?,
        p90: quantile(0.9)?,
        p95: quantile(0.95)?,
        p99: quantile(0.99)?,
        max: seconds(latencies.max_ns),
        relative_error: Sketch::relative_error(LATENCY_BITS),
    })
}

/// The value that this share of all does not exceed; `None` if there is none.
fn quantile(sketch: &Sketch, share: f64) -> Option<f64> {
    let count: u64 = sketch.buckets().map(|bucket| bucket.count).sum();
    let rank = ((share * count as f64).ceil() as u64).max(1);
    let mut below = 0;
    sketch
        .buckets()
        .find(|bucket| {
            below += bucket.count;
            below >= rank
        })
        .map(|bucket| bucket.middle())
}

fn timeline(summary: &Summary<'_>) -> Timeline {
    let shown = summary.total.timeline.shown();
    let bucket = |(start_us, counts): (i64, super::timeline::Counts)| Bucket {
        start: rfc3339(start_us, summary.offset_seconds),
        start_us,
        events: counts.events,
        errors: counts.errors,
    };
    Timeline {
        bucket_seconds: shown.width_seconds,
        buckets: shown.buckets.into_iter().map(bucket).collect(),
    }
}

fn statuses(sums: &Sums) -> Vec<Share> {
    let mut shares: Vec<Share> = (0..1000)
        .filter(|&status| sums.statuses[status] > 0)
        .map(|status| share(status.to_string(), sums.statuses[status], sums.with_status))
        .collect();
    shares.sort_by_key(|share| std::cmp::Reverse(share.events));
    shares
}

fn levels(sums: &Sums) -> Vec<Share> {
    let of_level = |level: &Level| (level.name().to_owned(), sums.levels[*level as usize]);
    let counts = Level::ALL.iter().rev().map(of_level);
    counts
        .filter(|(_, events)| *events > 0)
        .map(|(name, events)| share(name, events, sums.with_level))
        .collect()
}

fn share(value: String, events: u64, total: u64) -> Share {
    Share {
        value,
        events,
        share: part(events, total),
    }
}

fn part(events: u64, total: u64) -> f64 {
    match total {
        0 => 0.0,
        total => events as f64 / total as f64,
    }
}

/// How many different values there are, and whether that is exact.
fn distinct(ranking: &Ranking, sketch: &HyperLogLog) -> (u64, bool) {
    match ranking.distinct {
        Some(distinct) => (distinct, true),
        None => (sketch.estimate(), false),
    }
}

fn top_values(summary: &Summary<'_>, dimension: Dimension) -> Option<TopValues> {
    let ranking = summary.tables.of(dimension).ranking(summary.options.top);
    let (distinct, distinct_is_exact) =
        distinct(&ranking, &summary.total.distinct[dimension as usize]);
    (distinct > 0).then(|| TopValues {
        distinct,
        distinct_is_exact,
        approximate: ranking.error.is_some(),
        error_bound: ranking.error,
        values: ranking
            .values
            .into_iter()
            .map(|ranked| TopValue {
                value: String::from_utf8_lossy(&ranked.value).into_owned(),
                events: ranked.counts.events,
                share: part(ranked.counts.events, summary.total.sums.events),
                errors: ranked.counts.errors,
                response_bytes: ranked.counts.bytes,
            })
            .collect(),
    })
}

fn groups(summary: &Summary<'_>) -> Option<Groups> {
    let field = summary.options.by.name()?.to_owned();
    let ranking = summary.tables.by.ranking(summary.options.top);
    let (distinct, distinct_is_exact) = distinct(&ranking, &summary.total.distinct_by);
    Some(Groups {
        field,
        distinct,
        distinct_is_exact,
        approximate: ranking.error.is_some(),
        error_bound: ranking.error,
        sampled_events: ranking.error.map(|_| SAMPLE_EVENTS as u64),
        without: summary.total.sums.without_by,
        groups: ranking
            .values
            .into_iter()
            .map(|ranked| {
                let seconds = |share: f64| {
                    let ns = quantile(ranked.latency.as_ref()?, share)?;
                    Some(ns.round() / 1e9)
                };
                Group {
                    value: String::from_utf8_lossy(&ranked.value).into_owned(),
                    events: ranked.counts.events,
                    share: part(ranked.counts.events, summary.total.sums.events),
                    errors: ranked.counts.errors,
                    response_bytes: ranked.counts.bytes,
                    log_bytes: ranked.counts.log_bytes,
                    p50: seconds(0.5),
                    p95: seconds(0.95),
                    p99: seconds(0.99),
                }
            })
            .collect(),
    })
}

/// How much was left out because the files seem to be sorted, and what that may cost.
fn skipped(inputs: &[InputState]) -> Option<String> {
    let skipped: Vec<&InputState> = inputs.iter().filter(|it| it.skipped_bytes > 0).collect();
    let name = match skipped.as_slice() {
        [] => return None,
        [input] => format!("`{}`", input.shown),
        inputs => format!("{} inputs", inputs.len()),
    };
    let sum = |bytes: fn(&InputState) -> u64| skipped.iter().map(|it| bytes(it)).sum::<u64>();
    let (left_out, all) = (
        sum(|it| it.skipped_bytes),
        sum(|it| it.len_bytes.unwrap_or(0)),
    );
    // Rounded down: 100 % is all of it.
    let per_mille = u128::from(left_out) * 1000 / u128::from(all.max(1));
    let percent = match per_mille {
        1000 => "100".to_owned(),
        _ => format!("{}.{}", per_mille / 10, per_mille % 10),
    };
    Some(format!(
        "{name}: {} of {} ({percent} %) left out, taken to be sorted by time: events out of order in there are not counted; \
         `--no-seek` reads everything",
        human::bytes(left_out),
        human::bytes(all),
    ))
}

/// What was said on the way, and what follows from the counts.
fn notes(summary: &Summary<'_>) -> Vec<String> {
    let mut notes = summary.notes.to_vec();
    notes.extend(skipped(summary.inputs));
    let sums = &summary.total.sums;
    let at = |time_us: i64| rfc3339(time_us, summary.offset_seconds);
    if sums.events == 0 && !summary.range.is_all() {
        let seen = summary
            .inputs
            .iter()
            .flat_map(|input| [input.seen, input.merged.seen()])
            .flatten();
        let ends = seen.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        notes.push(match ends {
            Some((first, last)) => format!(
                "nothing happened in that time: records are of {} to {}",
                at(first),
                at(last)
            ),
            None => "nothing happened in that time: no record has a time".to_owned(),
        });
    }
    if let Some(field) = summary.options.by.name()
        && sums.events > 0
        && sums.without_by == sums.events
    {
        notes.push(format!("no event has a field `{field}`"));
    }
    notes
}

//! What was measured, for people and for programs.

use std::fmt::Write;
use std::time::Duration;

use serde_json::{Value, json};
use tamis_contract::report::text::{Cell, Role, Table};
use tamis_engine::human;

use super::measure::Figures;
use super::{LEVELS, Outcome};
use crate::paint::Coloured;

/// A level: the run of middle speed, and the most memory that any run took.
struct Level<'a> {
    run: &'a Figures,
    peak_rss_bytes: u64,
}

/// The middle of the runs at each level.
fn levels(runs: &[Vec<Figures>; LEVELS]) -> [Level<'_>; LEVELS] {
    runs.each_ref().map(|runs| {
        let mut by_time: Vec<&Figures> = runs.iter().collect();
        by_time.sort_by(|a, b| a.seconds.total_cmp(&b.seconds));
        Level {
            run: by_time[by_time.len() / 2],
            peak_rss_bytes: runs
                .iter()
                .map(|run| run.peak_rss_bytes)
                .max()
                .unwrap_or_default(),
        }
    })
}

/// A table for each verb.
pub(super) fn text(outcome: &Outcome) -> String {
    let mut page = String::new();
    push(
        &mut page,
        format_args!(
            "{}: {}, {} rows. Medians of {} rounds; threads: {}\n",
            outcome.input,
            human::bytes(outcome.bytes),
            human::count(outcome.rows),
            outcome.rounds,
            outcome.threads,
        ),
    );
    let techniques = [
        "plain loops, one thread, file read".to_owned(),
        format!("+ SIMD ({})", outcome.simd),
        format!("+ threads ({})", outcome.threads),
        "+ file mapped".to_owned(),
    ];
    let mut no_counters = None;
    for (job, runs) in &outcome.jobs {
        push(&mut page, format_args!("\n{}\n\n", job.title));
        let levels = levels(runs);
        let has_counters = levels.iter().all(|level| level.run.instructions.is_some());
        let mut table = Table::default();
        let names = heading(has_counters).into_iter();
        table.row(names.map(|text| Cell::right(Role::Heading, text)));
        for (number, level) in levels.iter().enumerate() {
            let first = &levels[0].run;
            let before = &levels[number.saturating_sub(1)].run;
            let run = level.run;
            let gain = |other: &Figures| format!("{:.2} x", other.seconds / run.seconds);
            let time = Duration::from_secs_f64(run.seconds);
            let mut cells = vec![
                Cell::right(Role::Plain, number.to_string()),
                Cell::left(Role::Plain, techniques[number].clone()),
                Cell::right(Role::Value, format!("{:.3} s", run.seconds)),
                Cell::right(Role::Plain, human::byte_rate(outcome.bytes, time)),
                Cell::right(Role::Good, gain(first)),
                Cell::right(Role::Plain, gain(before)),
                Cell::right(Role::Plain, human::bytes(level.peak_rss_bytes)),
                Cell::right(Role::Plain, seconds_or_dash(run.cpu_seconds)),
                Cell::right(Role::Plain, count_or_dash(run.page_faults)),
            ];
            if has_counters {
                cells.extend(
                    [
                        count_or_dash(run.instructions),
                        ipc(run),
                        count_or_dash(run.cache_misses),
                    ]
                    .map(|text| Cell::right(Role::Plain, text)),
                );
            }
            table.row(cells);
            no_counters = no_counters.or(run.no_counters.as_deref());
        }
        table
            .write(&Coloured, &mut page)
            .expect("a string takes everything");
    }
    for skipped in &outcome.skipped {
        push(
            &mut page,
            format_args!("\n{} is not measured: {}\n", skipped.verb, skipped.reason),
        );
    }
    if let Some(reason) = no_counters {
        push(
            &mut page,
            format_args!(
                "\nInstructions and cache misses are not counted: this system does not let it ({reason}).\n"
            ),
        );
    }
    page
}

/// The names of the columns.
fn heading(has_counters: bool) -> Vec<&'static str> {
    let mut names = vec![
        "level",
        "",
        "time",
        "rate",
        "speed-up",
        "of this step",
        "peak memory",
        "CPU time",
        "page faults",
    ];
    if has_counters {
        names.extend(["instructions", "a cycle", "cache misses"]);
    }
    names
}

fn seconds_or_dash(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.3} s"))
}

fn count_or_dash(count: Option<u64>) -> String {
    count.map_or_else(|| "-".to_owned(), human::count)
}

/// Instructions per cycle.
fn ipc(run: &Figures) -> String {
    match (run.instructions, run.cycles) {
        (Some(instructions), Some(cycles)) if cycles > 0 => {
            format!("{:.2}", instructions as f64 / cycles as f64)
        }
        _ => "-".to_owned(),
    }
}

/// All of it, for programs.
pub(super) fn json(outcome: &Outcome) -> String {
    let jobs: Vec<Value> = outcome
        .jobs
        .iter()
        .map(|(job, runs)| {
            let levels = levels(runs);
            let rows: Vec<Value> = (0..LEVELS)
                .map(|number| {
                    let Level { run, peak_rss_bytes } = &levels[number];
                    json!({
                        "level": number,
                        "seconds": run.seconds,
                        "bytes_per_second": outcome.bytes as f64 / run.seconds,
                        "rows_per_second": outcome.rows as f64 / run.seconds,
                        "speedup": levels[0].run.seconds / run.seconds,
                        "speedup_of_step": levels[number.saturating_sub(1)].run.seconds / run.seconds,
                        "peak_rss_bytes": peak_rss_bytes,
                        "cpu_seconds": run.cpu_seconds,
                        "page_faults": run.page_faults,
                        "instructions": run.instructions,
                        "cycles": run.cycles,
                        "cache_misses": run.cache_misses,
                        "no_counters": run.no_counters,
                        "all_seconds": runs[number].iter().map(|run| run.seconds).collect::<Vec<_>>(),
                    })
                })
                .collect();
            json!({ "verb": job.title, "levels": rows })
        })
        .collect();
    let skipped: Vec<Value> = outcome
        .skipped
        .iter()
        .map(|skipped| json!({ "verb": skipped.verb, "reason": skipped.reason }))
        .collect();
    let document = json!({
        "schema_version": 1,
        "input": outcome.input,
        "bytes": outcome.bytes,
        "rows": outcome.rows,
        "rounds": outcome.rounds,
        "threads": outcome.threads,
        "simd": outcome.simd,
        "jobs": jobs,
        "skipped": skipped,
    });
    format!("{document:#}\n")
}

fn push(page: &mut String, line: std::fmt::Arguments<'_>) {
    page.write_fmt(line).expect("a string takes everything");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::bench::job::{Job, Skipped};

    fn figures(seconds: f64, instructions: Option<u64>) -> Figures {
        Figures {
            seconds,
            peak_rss_bytes: (seconds * 1e6) as u64,
            cpu_seconds: Some(seconds),
            page_faults: Some(1234),
            instructions,
            cycles: instructions.map(|count| count / 2),
            cache_misses: instructions.map(|count| count / 1000),
            no_counters: instructions.is_none().then(|| "no such device".to_owned()),
        }
    }

    fn outcome(instructions: Option<u64>) -> Outcome {
        let runs = [8.0, 4.0, 2.0, 1.0].map(|seconds| {
            let times = [seconds * 1.5, seconds, seconds * 0.9];
            times.map(|seconds| figures(seconds, instructions)).to_vec()
        });
        let job = Job {
            title: "check".to_owned(),
            arguments: Vec::new(),
        };
        Outcome {
            input: "orders.csv".to_owned(),
            bytes: 1_000_000_000,
            rows: 15_000_000,
            rounds: 3,
            threads: 2,
            simd: "avx2",
            jobs: vec![(job, runs)],
            skipped: Vec::new(),
        }
    }

    #[test]
    fn the_table_shows_medians_and_gains() {
        let page = text(&outcome(Some(3_000_000)));
        let page = anstream::adapter::strip_str(&page).to_string();
        insta::assert_snapshot!(page, @r"
        orders.csv: 1.00 GB, 15,000,000 rows. Medians of 3 rounds; threads: 2

        check

          level                                         time       rate  speed-up  of this step  peak memory  CPU time  page faults  instructions  a cycle  cache misses
              0  plain loops, one thread, file read  8.000 s   125 MB/s    1.00 x        1.00 x      12.0 MB   8.000 s        1,234     3,000,000     2.00         3,000
              1  + SIMD (avx2)                       4.000 s   250 MB/s    2.00 x        2.00 x      6.00 MB   4.000 s        1,234     3,000,000     2.00         3,000
              2  + threads (2)                       2.000 s   500 MB/s    4.00 x        2.00 x      3.00 MB   2.000 s        1,234     3,000,000     2.00         3,000
              3  + file mapped                       1.000 s  1.00 GB/s    8.00 x        2.00 x      1.50 MB   1.000 s        1,234     3,000,000     2.00         3,000
        ");
    }

    #[test]
    fn what_is_skipped_is_said() {
        let mut outcome = outcome(None);
        outcome.skipped.push(Skipped {
            verb: "group",
            reason: "there is no column `a`".to_owned(),
        });
        assert!(text(&outcome).contains("\ngroup is not measured: there is no column `a`\n"));
        let document: Value = serde_json::from_str(&json(&outcome)).expect("JSON");
        assert_eq!(document["skipped"][0]["verb"], "group");
    }

    #[test]
    fn missing_counters_are_said_and_not_guessed() {
        let page = text(&outcome(None));
        assert!(page.contains("not counted") && page.contains("no such device"));
        assert!(!page.contains("cache misses\n"));
    }

    #[test]
    fn the_json_has_every_level() {
        let document: Value = serde_json::from_str(&json(&outcome(None))).expect("JSON");
        let last = &document["jobs"][0]["levels"][3];
        assert_eq!(last["speedup"], 8.0);
        assert_eq!(last["speedup_of_step"], 2.0);
        assert_eq!(last["peak_rss_bytes"], 1_500_000);
        assert_eq!(last["instructions"], Value::Null);
    }
}

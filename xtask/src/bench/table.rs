//! Samples to Markdown.

use std::fmt::Write;

use super::contender::{Contender, Job, Kind, Sample};

/// The tables: one for each job, one for the peers, and the ratios that we promise.
pub(super) fn render(contenders: &[Contender], samples: &[Vec<Sample>]) -> String {
    let results: Vec<Timed<'_>> = contenders
        .iter()
        .zip(samples)
        .map(|(contender, samples)| Timed {
            contender,
            seconds: median(samples.iter().map(|sample| sample.seconds).collect()),
            peak_rss_bytes: samples
                .iter()
                .map(|sample| sample.peak_rss_bytes)
                .max()
                .unwrap_or_default(),
        })
        .collect();

    let mut text = String::new();
    for job in [Job::FullContract, Job::OneNumber, Job::Jsonl] {
        push_job(&mut text, job, &results);
    }
    push_peers(&mut text, &results);
    if let Some(start_up) = results
        .iter()
        .find(|result| matches!(result.contender.kind, Kind::StartUp))
    {
        push(
            &mut text,
            format_args!(
                "Ten rows, whole process: {:.1} ms.\n",
                start_up.seconds * 1e3
            ),
        );
    }
    text
}

/// A contender with its median time.
#[derive(Clone, Copy, Debug)]
struct Timed<'a> {
    contender: &'a Contender,
    seconds: f64,
    peak_rss_bytes: u64,
}

impl Timed<'_> {
    /// `| 0.512 s | 1.88 GB/s | 29.3 M rows/s | 45 MB`
    fn cells(&self) -> String {
        format!(
            "| {:.3} s | {:.2} GB/s | {:.1} M rows/s | {:.0} MB",
            self.seconds,
            self.contender.bytes as f64 / self.seconds / 1e9,
            self.contender.rows as f64 / self.seconds / 1e6,
            self.peak_rss_bytes as f64 / 1e6,
        )
    }
}

fn push_job(text: &mut String, job: Job, results: &[Timed<'_>]) {
    let of_job = |result: &&Timed<'_>| matches!(result.contender.kind, Kind::Tamis { job: other, .. } if other == job);
    push(text, format_args!("**{}**\n\n", job.name()));
    push(
        text,
        format_args!(
            "| simd | threads | io | time | bytes | rows | peak RSS |\n|---|---|---|---|---|---|---|\n"
        ),
    );
    for result in results.iter().filter(of_job) {
        if let Kind::Tamis {
            simd, threads, io, ..
        } = result.contender.kind
        {
            push(
                text,
                format_args!("| {simd} | {threads} | {io} {} |\n", result.cells()),
            );
        }
    }
    let best = |wanted: usize| {
        let of_threads = results.iter().filter(of_job).filter(
            |result| matches!(result.contender.kind, Kind::Tamis { threads, .. } if threads == wanted),
        );
        of_threads
            .map(|result| result.seconds)
            .min_by(f64::total_cmp)
    };
    if let (Some(one), Some(two)) = (best(1), best(2)) {
        push(
            text,
            format_args!(
                "\nTwo threads are {:.2} times as fast as one.\n\n",
                one / two
            ),
        );
    }
}

fn push_peers(text: &mut String, results: &[Timed<'_>]) {
    let is_full = |result: &&Timed<'_>| {
        matches!(
            result.contender.kind,
            Kind::Tamis {
                job: Job::FullContract,
                threads: 2,
                ..
            }
        )
    };
    let fastest = results
        .iter()
        .filter(is_full)
        .min_by(|a, b| a.seconds.total_cmp(&b.seconds));
    let peers = results
        .iter()
        .filter_map(|result| match result.contender.kind {
            Kind::Script { name } => Some((name, result)),
            _ => None,
        });
    let peers: Vec<_> = peers.collect();
    let Some(tamis) = fastest.filter(|_| !peers.is_empty()) else {
        return;
    };
    push(text, format_args!("**The same rules elsewhere**\n\n"));
    push(
        text,
        format_args!(
            "| tool | time | bytes | rows | peak RSS | Tamis is |\n|---|---|---|---|---|---|\n"
        ),
    );
    push(text, format_args!("| tamis check {} | |\n", tamis.cells()));
    for (name, peer) in peers {
        let ratio = peer.seconds / tamis.seconds;
        push(
            text,
            format_args!("| {name} {} | {ratio:.1} x as fast |\n", peer.cells()),
        );
    }
    text.push('\n');
}

fn push(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.write_fmt(line).expect("a string takes everything");
}

/// The middle value; of two, the larger one.
pub(super) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = |index: usize| values.get(index).copied().unwrap_or(f64::NAN);
    // Of an even number it is between the two in the middle.
    (at(values.len().saturating_sub(1) / 2) + at(values.len() / 2)) / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![3.0, 9.0, 1.0, 4.0]), 3.5);
        assert_eq!(median(vec![5.0]), 5.0);
        assert!(median(Vec::new()).is_nan());
    }
}

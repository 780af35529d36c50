//! `tamis store verify`: whether everything is still what was written.

use std::time::Duration;

use clap::Args;
use serde_json::Value;
use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::human;
use tamis_scan::names;
use tamis_store::caches::CacheCounters;
use tamis_store::progress::StoreProgress;
use tamis_store::verify::{Hurt, Problem, Verified, VerifyOptions};

use super::place::Place;
use super::progress::{Direction, Watched};
use super::share::{self, Share};
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::progress::Display;
use crate::{Context, Exit, Result, stores};

/// So many names of hurt files are printed for a problem; JSON has more.
const HURT_SHOWN: usize = 20;

/// Look for damage, and say whose files it hurts
///
/// Without `--read-data` everything is looked at but the bytes of files: that they are there, and in whole packs. The exit code is 1 if anything is
/// damaged.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store verify
  tamis store verify --read-data
  tamis store verify --sample 5%                  each night another twentieth")]
pub(super) struct Options {
    /// Read the bytes, too, and hold every chunk against its id
    #[arg(long)]
    read_data: bool,

    /// Read all bytes of so many packs, chosen by chance: 5%
    #[arg(long, value_name = "SHARE", value_parser = share::above_zero)]
    sample: Option<Share>,

    /// The number that a run printed, to look at the same packs again
    #[arg(long, value_name = "N", requires = "sample")]
    seed: Option<u64>,

    #[command(flatten)]
    output: OutputOptions,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    let verify = VerifyOptions {
        read_data: options.read_data || options.sample.is_some(),
        sample: options.sample.map(|share| share.0),
        seed: options.seed,
        progress: StoreProgress::default(),
    };
    let watched = Watched::new(&verify.progress, Direction::Out);
    let display = Display::start(context.globals, &watched);
    let verified = store.verify(&verify);
    drop(display);
    let verified = verified?;
    let caches = store.objects().counters();
    match options.output.format() {
        OutputFormat::Json => {
            let mut fields = fields(&verified);
            fields.insert("caches".to_owned(), json::value(&caches));
            json::print(&context.printer, fields)?;
        }
        OutputFormat::Text => print_text(&verified, context)?,
    }
    if context.globals.perf {
        context.printer.notice(&performance(&verified, &caches));
    }
    Ok(exit(&verified))
}

/// How it ends.
pub(super) fn exit(verified: &Verified) -> Exit {
    match verified.is_sound() {
        true => Exit::Good,
        false => Exit::Bad,
    }
}

/// The problems on standard output, what was looked at on standard error.
pub(super) fn print_text(verified: &Verified, context: &Context<'_>) -> Result<()> {
    let mut page = Page::new(&context.printer);
    for problem in &verified.problems {
        page.add(|page| page.push_str(&text(problem)))?;
    }
    page.flush()?;
    for note in &verified.notes {
        context.printer.say(&format!("notice: {note}"));
    }
    let mut line = format!(
        "looked at {}, {}, {} in {}",
        shown::counted(verified.commits, "commit"),
        shown::counted(verified.nodes, "node"),
        shown::counted(verified.chunks, "chunk"),
        shown::counted(verified.packs, "pack"),
    );
    if verified.plain_bytes > 0 {
        line.push_str(&format!("; read {}", human::bytes(verified.plain_bytes)));
    }
    if let Some(seed) = verified.sample_seed {
        line.push_str(&format!(" (`--seed {seed}` for the same)"));
    }
    let problems = verified.problems.len() as u64 + verified.more_problems;
    line.push_str(&match problems {
        0 => ": no damage".to_owned(),
        problems => format!(": {}", shown::counted(problems, "problem")),
    });
    context.printer.say(&line);
    Ok(())
}

fn performance(verified: &Verified, caches: &CacheCounters) -> String {
    let elapsed = Duration::from_secs_f64(verified.seconds);
    format!(
        "performance\n  {} of data read in {}: {}; {} of memory{}",
        human::bytes(verified.stored_bytes),
        human::duration(elapsed),
        human::byte_rate(verified.stored_bytes, elapsed),
        human::bytes(peak_rss_bytes().unwrap_or_default()),
        stores::caches(caches),
    )
}

fn text(problem: &Problem) -> String {
    let mut text = format!("{}: {}\n", names::show(&problem.path), problem.detail);
    for hurt in problem.hurt.iter().take(HURT_SHOWN) {
        text.push_str(&format!("  hurts {}\n", name(hurt)));
    }
    let shown = problem.hurt.len().min(HURT_SHOWN) as u64;
    if problem.hurt_count > shown {
        let more = human::count(problem.hurt_count - shown);
        text.push_str(&format!("  and {more} more\n"));
    }
    text
}

/// `0123456789:drops/a.csv`, as `get` and `cat` take it.
fn name(hurt: &Hurt) -> String {
    let path = shown::name(&hurt.path);
    match hurt.commit {
        Some(commit) => format!("{}:{path}", shown::short(commit)),
        None => format!("{path}, which is staged"),
    }
}

/// All of it, for programs.
pub(super) fn fields(verified: &Verified) -> json::Fields {
    let problems: Vec<Value> = verified.problems.iter().map(problem_fields).collect();
    json::fields([
        ("is_sound", verified.is_sound().into()),
        ("commits", verified.commits.into()),
        ("nodes", verified.nodes.into()),
        ("chunks", verified.chunks.into()),
        ("packs", verified.packs.into()),
        ("bytes", verified.plain_bytes.into()),
        ("stored_bytes", verified.stored_bytes.into()),
        ("seconds", verified.seconds.into()),
        ("sample_seed", verified.sample_seed.into()),
        ("notes", verified.notes.clone().into()),
        ("problems", problems.into()),
        ("more_problems", verified.more_problems.into()),
    ])
}

fn problem_fields(problem: &Problem) -> Value {
    let hurt = problem.hurt.iter().map(|hurt| {
        let commit = hurt.commit.map(|id| id.to_string());
        let mut fields = json::fields([("commit", commit.into())]);
        json::put_path(&hurt.path, &mut fields);
        Value::from(fields)
    });
    let mut fields = json::fields([
        ("detail", problem.detail.clone().into()),
        ("hurt", hurt.collect()),
        ("hurt_count", problem.hurt_count.into()),
    ]);
    names::put(&problem.path, &mut fields);
    fields.into()
}

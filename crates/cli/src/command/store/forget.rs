//! `tamis store forget`: which versions may go.

use clap::Args;
use serde_json::Value;
use tamis_store::forget::{ForgetPolicy, Forgotten};
use tamis_store::store::Store;

use super::place::Place;
use super::{json, setup, shown};
use crate::args::{OutputFormat, OutputOptions};
use crate::page::Page;
use crate::{Context, Error, Exit, Result};

/// Give up versions, by rules or by name
///
/// A commit stays if any rule keeps it, if it has a tag, or if the branch is there. What is forgotten is listed nowhere any more, and `tamis
/// store gc` gives its space back.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis store forget --keep-last 10 --keep-daily 14 --keep-monthly 12 --dry-run
  tamis store forget HEAD~3")]
pub(super) struct Options {
    /// These commits, instead of rules
    #[arg(value_name = "REF", conflicts_with = "Rules")]
    revisions: Vec<String>,

    #[command(flatten)]
    rules: Rules,

    /// Only say what would be forgotten
    #[arg(long, short = 'n', conflicts_with = "revisions")]
    dry_run: bool,

    #[command(flatten)]
    output: OutputOptions,
}

#[derive(Debug, Args)]
#[group(multiple = true)]
struct Rules {
    /// Keep so many of the newest
    #[arg(long, value_name = "N")]
    keep_last: Option<u32>,

    /// Keep the newest of each of so many hours
    #[arg(long, value_name = "N")]
    keep_hourly: Option<u32>,

    /// Keep the newest of each of so many days
    #[arg(long, value_name = "N")]
    keep_daily: Option<u32>,

    /// Keep the newest of each of so many weeks
    #[arg(long, value_name = "N")]
    keep_weekly: Option<u32>,

    /// Keep the newest of each of so many months
    #[arg(long, value_name = "N")]
    keep_monthly: Option<u32>,

    /// Keep the newest of each of so many years
    #[arg(long, value_name = "N")]
    keep_yearly: Option<u32>,

    /// Forget commits that have a tag, too, if no rule keeps them; the tag goes with them
    #[arg(long)]
    tagged: bool,
}

pub(super) fn run(options: &Options, place: &Place, context: &Context<'_>) -> Result<Exit> {
    let store = setup::open(place, context)?;
    let forgotten = match options.revisions.is_empty() {
        true => store.forget(&options.rules.policy()?, options.dry_run)?,
        false => named(&options.revisions, &store)?,
    };
    if options.output.format() == OutputFormat::Json {
        json::print(&context.printer, document(&forgotten, options.dry_run))?;
        return Ok(Exit::Good);
    }
    let mut page = Page::new(&context.printer);
    for (id, reasons) in &forgotten.kept {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        let line = format!("keep    {}  {}\n", shown::short(*id), reasons.join(", "));
        page.add(|page| page.push_str(&line))?;
    }
    for id in &forgotten.forgotten {
        page.add(|page| page.push_str(&format!("forget  {}\n", shown::short(*id))))?;
    }
    page.flush()?;
    let count = shown::counted(forgotten.forgotten.len() as u64, "commit");
    context.printer.say(&match options.dry_run {
        _ if forgotten.forgotten.is_empty() => "nothing to forget".to_owned(),
        true => format!("would forget {count}"),
        false => format!("forgot {count}; `tamis store gc` gives their space back"),
    });
    Ok(Exit::Good)
}

impl Rules {
    fn policy(&self) -> Result<ForgetPolicy> {
        let policy = ForgetPolicy {
            last: self.keep_last,
            hourly: self.keep_hourly,
            daily: self.keep_daily,
            weekly: self.keep_weekly,
            monthly: self.keep_monthly,
            yearly: self.keep_yearly,
            keep_tags: !self.tagged,
        };
        let none = ForgetPolicy {
            keep_tags: policy.keep_tags,
            ..ForgetPolicy::default()
        };
        match policy == none {
            true => Err(Error::Usage {
                message: "which commits are to be forgotten?".to_owned(),
                hint: Some(
                    "`--keep-last 10` and the like say which stay, a REF which goes".to_owned(),
                ),
            }),
            false => Ok(policy),
        }
    }
}

fn named(revisions: &[String], store: &Store) -> Result<Forgotten> {
    let mut ids = Vec::new();
    for revision in revisions {
        ids.push(store.resolve(revision)?.0);
    }
    store.forget_commits(&ids)?;
    Ok(Forgotten {
        kept: Vec::new(),
        forgotten: ids,
    })
}

fn document(forgotten: &Forgotten, is_dry_run: bool) -> json::Fields {
    let kept = forgotten.kept.iter().map(|(id, reasons)| {
        let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
        let id = id.to_string();
        Value::from(json::fields([
            ("commit", id.into()),
            ("reasons", reasons.into()),
        ]))
    });
    let gone: Vec<_> = forgotten
        .forgotten
        .iter()
        .map(ToString::to_string)
        .collect();
    json::fields([
        ("is_dry_run", is_dry_run.into()),
        ("kept", kept.collect()),
        ("forgotten", gone.into()),
    ])
}

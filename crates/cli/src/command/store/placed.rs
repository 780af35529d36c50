//! What became of files that were put in place: the end of `get` and `checkout`.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

use serde_json::Value;
use tamis_engine::counters::peak_rss_bytes;
use tamis_engine::human;
use tamis_scan::names;
use tamis_store::restore::Restored;
use tamis_store::store::Store;

use super::{json, shown};
use crate::args::OutputFormat;
use crate::{Context, Error, Exit, Result, stores};

/// Says what is there now and what is not, and how that ends.
pub(super) fn report(
    restored: Restored,
    store: &Store,
    target: &Path,
    start: Instant,
    format: OutputFormat,
    context: &Context<'_>,
) -> Result<Exit> {
    let elapsed = start.elapsed();
    let Restored {
        files,
        folders,
        links,
        bytes,
        failures,
    } = restored;
    let mut exit = Exit::Good;
    let mut told = Vec::new();
    let mut is_in_the_way = false;
    for (path, error) in failures {
        is_in_the_way |= is_there_already(&error);
        let said = said_of(&path, &error);
        context.printer.failure(&said);
        let error = Error::from(error);
        exit = exit.max(error.exit());
        told.push((path, error.chain()));
    }
    if is_in_the_way {
        context
            .printer
            .say("hint: `--force` replaces what is there already");
    }
    if format == OutputFormat::Json {
        let mut fields = json::fields([
            ("files", files.into()),
            ("folders", folders.into()),
            ("links", links.into()),
            ("bytes", bytes.into()),
            ("seconds", elapsed.as_secs_f64().into()),
            ("caches", json::value(&store.objects().counters())),
            ("failures", failures_of(&told)),
        ]);
        names::put(target, &mut fields);
        json::print(&context.printer, fields)?;
    } else {
        let target = names::show(target);
        let line = summary(files, folders, links, bytes);
        context.printer.say(&format!("{line} into `{target}`"));
    }
    if context.globals.perf {
        context.printer.notice(&format!(
            "performance\n  {} in {:.3} s: {}, {} files/s; {} threads, {} of memory{}",
            human::bytes(bytes),
            elapsed.as_secs_f64(),
            human::byte_rate(bytes, elapsed),
            human::rate(files, elapsed),
            context.globals.thread_count(),
            human::bytes(peak_rss_bytes().unwrap_or_default()),
            stores::caches(&store.objects().counters()),
        ));
    }
    Ok(exit)
}

fn summary(files: u64, folders: u64, links: u64, bytes: u64) -> String {
    let mut line = format!(
        "wrote {} of {}",
        shown::counted(files, "file"),
        human::bytes(bytes)
    );
    for (count, what) in [(folders, "folder"), (links, "link")] {
        if count > 0 {
            line.push_str(&format!(", {}", shown::counted(count, what)));
        }
    }
    line
}

fn is_there_already(error: &tamis_store::Error) -> bool {
    match error {
        tamis_store::Error::Io { source, .. } => source.kind() == ErrorKind::AlreadyExists,
        _ => false,
    }
}

/// Why something was not put in place, naming it once.
fn said_of(path: &Path, error: &tamis_store::Error) -> String {
    let shown = names::show(path);
    match error {
        error if is_there_already(error) => {
            format!("`{shown}` is there already, and stays as it is")
        }
        tamis_store::Error::Io { path: at, .. } if at == path => error.to_string(),
        error => format!("`{shown}` was not written: {error}"),
    }
}

fn failures_of(failures: &[(PathBuf, String)]) -> Value {
    let failures = failures.iter();
    let failures: Vec<_> = failures
        .map(|(path, message)| json::failure(path, message))
        .collect();
    failures.into()
}

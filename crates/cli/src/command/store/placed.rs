//! What became of files that were put in place: the end of `get` and `checkout`.

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
    for (path, error) in failures {
        let error = Error::from(error);
        exit = exit.max(error.exit());
        told.push((path, error.chain()));
    }
    for (path, message) in &told {
        let path = names::show(path);
        context
            .printer
            .failure(&format!("`{path}` is not there: {message}"));
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

fn failures_of(failures: &[(PathBuf, String)]) -> Value {
    let failures = failures.iter();
    let failures: Vec<_> = failures
        .map(|(path, message)| json::failure(path, message))
        .collect();
    failures.into()
}

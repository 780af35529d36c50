//! What a broker tells while it runs: events of `tracing`, on standard error.

use std::io::{self, IsTerminal};

use tamis_broker::Running;
use tamis_broker::log::Recovery;
use tamis_engine::names;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::fmt;

use crate::args::When;
use crate::config::Serve;

/// Shows events from now on.
pub(super) fn show(settings: &Serve, color: When) {
    // It is one of the words of which each is a level.
    let level = settings.log.parse().unwrap_or(LevelFilter::INFO);
    let is_coloured = match color {
        When::Always => true,
        When::Never => false,
        When::Auto => {
            let is_wanted = std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
            is_wanted && io::stderr().is_terminal()
        }
    };
    let events = fmt().with_max_level(level).with_writer(io::stderr);
    // It can be said once in a process; a second broker in one tells what the first does.
    let _ = match settings.log_format {
        "text" => {
            let events = events.with_target(false).with_ansi(is_coloured);
            tracing::subscriber::set_global_default(events.finish())
        }
        _ => {
            let events = events.json().flatten_event(true);
            tracing::subscriber::set_global_default(events.finish())
        }
    };
}

/// Tells what whoever asks clients who they are should know.
pub(super) fn tell_access(running: &Running) {
    if let Some(path) = running.broker().without_users() {
        tracing::warn!(
            users = %names::show(path),
            "nobody can log in, since there are no users: `tamis user add NAME` adds one"
        );
    }
    if running.broker().grants_everything() {
        tracing::info!("every user may do everything: `--grants FILE` says who may do what");
    }
}

/// Tells what was found in logs that were not closed in order.
pub(super) fn tell_recoveries(recoveries: &[(String, Recovery)]) {
    for (partition, found) in recoveries {
        if found.torn_bytes > 0 {
            tracing::warn!(
                partition,
                bytes = found.torn_bytes,
                "a batch at the end was not written whole, was acknowledged to nobody, and was cut off"
            );
        }
        for damaged in &found.damaged {
            tracing::error!(
                partition,
                from_offset = damaged.offset,
                next_offset = damaged.next_offset,
                bytes = damaged.len_bytes,
                kept_in = %names::show(&damaged.path),
                "records are damaged and were set aside"
            );
        }
    }
}

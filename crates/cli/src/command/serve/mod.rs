//! `tamis serve`: topics for Kafka's clients, until somebody stops it.

mod events;

use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use tamis_broker::builder::LISTEN_DEFAULT;
use tamis_broker::topics::PARTITIONS_MAX;
use tamis_broker::{Broker, Builder, Running};
use tamis_engine::human;
use tamis_engine::names;

use crate::args::ByteSize;
use crate::{Context, Error, Exit, Result};

/// How long it may take until a signal is noticed.
const SIGNAL_STEP: Duration = Duration::from_millis(25);

/// Requests that are smaller could not name their topics; larger ones do not fit the field of their length.
const REQUEST_BYTES: std::ops::RangeInclusive<u64> = 1 << 10..=i32::MAX as u64;

/// Serve topics to Kafka's clients, from one process and one folder
///
/// Producers and consumers of Kafka connect to it as they do to Kafka. What is acknowledged to a producer that asks for it
/// (`acks=all`) is on stable storage. Ctrl-C and termination signals end it in order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis serve
  tamis serve --data /var/lib/tamis --listen 127.0.0.1:9092 --http none
  tamis serve --listen 0.0.0.0:9092 --advertise broker.example.com:9092 --insecure
  tamis serve --no-auto-create --log debug --log-format json

Exit codes: 0 ended in order, also by a signal; 2 usage; 3 it could not start, or not end in order; 11 the data folder is in use; \
130 a second signal did not wait for the end.")]
pub(crate) struct Options {
    /// Where clients connect; may be given several times. Port 0 is one that is free
    #[arg(long, value_name = "HOST:PORT", default_value = LISTEN_DEFAULT)]
    listen: Vec<String>,

    /// Where `/healthz`, `/readyz` and `/metrics` are, or `none`
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:8080")]
    http: String,

    /// The data folder, made if it is not there
    #[arg(long, value_name = "DIR", default_value = "./tamis-data")]
    data: PathBuf,

    /// Where clients are told to come back to [default: the address to which they came]
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_advertised)]
    advertise: Option<(String, u16)>,

    /// Listen also where other machines get to; there is neither encryption nor a password
    #[arg(long)]
    insecure: bool,

    /// Make no topic because somebody asks for it
    #[arg(long)]
    no_auto_create: bool,

    /// Partitions of topics that do not say how many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=PARTITIONS_MAX as u64))]
    partitions: u64,

    /// Connections at a time
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    max_connections: u64,

    /// Largest request; all that are being worked on together have `--memory`, or 64 MiB
    #[arg(long, value_name = "SIZE", default_value = "100MiB")]
    max_request: ByteSize,

    /// Close connections over which nothing comes for so long
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..=31_536_000))]
    idle_timeout: u64,

    /// Keep each worker thread on a core of its own
    #[arg(long)]
    pin: bool,

    /// What is told on standard error
    #[arg(long, value_enum, value_name = "LEVEL", default_value_t)]
    log: Level,

    /// How it is told: for people, or one object of JSON for each event
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    log_format: LogFormat,
}

/// How much is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Level {
    Error,
    Warn,
    #[default]
    Info,
    Debug,
    Trace,
}

/// How it is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    #[default]
    Text,
    Json,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let start = Instant::now();
    events::show(options.log, options.log_format, context.globals.color);
    // Each connection takes a descriptor, and this process is here for nothing else.
    if tamis_broker::raise_descriptor_limit().is_some_and(|it| it < options.max_connections) {
        tracing::debug!(
            "the system lets this process have fewer descriptors than connections (`ulimit -n`)"
        );
    }
    let running = options.builder(context).start().map_err(failed)?;
    events::tell_recoveries(running.recoveries());
    options.tell_ready(&running, start.elapsed(), context);
    while !context.cancel.is_cancelled() {
        thread::sleep(SIGNAL_STEP);
    }
    tracing::info!("ending");
    running.stop().map_err(failed)?;
    tracing::info!("ended in order");
    Ok(Exit::Good)
}

impl Options {
    fn validate(&self) -> Result<()> {
        match REQUEST_BYTES.contains(&self.max_request.0) {
            true => Ok(()),
            false => Err(Error::Usage {
                message: "`--max-request` is 1KiB to 2147483647 bytes".to_owned(),
                hint: None,
            }),
        }
    }

    fn builder(&self, context: &Context<'_>) -> Builder {
        let mut builder = Broker::builder(&self.data)
            .insecure(self.insecure)
            .pin(self.pin)
            .create_topics(!self.no_auto_create)
            .partitions(bounded(self.partitions))
            .connections_max(bounded(self.max_connections))
            .request_bytes_max(bounded(self.max_request.0))
            .idle_timeout(Duration::from_secs(self.idle_timeout));
        for address in &self.listen {
            builder = builder.listen(address);
        }
        if self.http != "none" {
            builder = builder.http(&self.http);
        }
        if let Some((host, port)) = &self.advertise {
            builder = builder.advertise(host, *port);
        }
        if let Some(memory) = context.globals.memory {
            builder = builder.in_flight_bytes(bounded(memory.0));
        }
        if let Some(threads) = context.globals.typed_threads() {
            builder = builder.threads(threads.get());
        }
        builder
    }

    fn tell_ready(&self, running: &Running, elapsed: Duration, context: &Context<'_>) {
        let listen = running.bootstrap_servers();
        let http = running.http_address().map(|it| it.to_string());
        let data = names::show(&self.data);
        if self.log_format == LogFormat::Json {
            tracing::info!(listen, http, data = %data, ms = elapsed.as_millis() as u64, "ready");
            return;
        }
        let http = http.map_or_else(String::new, |it| {
            format!(", metrics at http://{it}/metrics")
        });
        context.printer.say(&format!(
            "ready in {}: clients connect to {listen}{http}, data is in `{data}`",
            human::duration(elapsed),
        ));
    }
}

/// `HOST:PORT`, where a host that has colons is in brackets.
fn parse_advertised(text: &str) -> std::result::Result<(String, u16), String> {
    const FORM: &str = "it is HOST:PORT, such as `broker.example.com:9092` or `[::1]:9092`";
    let (host, port) = text.rsplit_once(':').ok_or(FORM)?;
    let inner = host.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
    let host = inner.unwrap_or(host);
    let port = port.parse().ok().filter(|port| *port > 0).ok_or(FORM)?;
    if host.is_empty() || (inner.is_none() && host.contains(':')) {
        return Err(FORM.to_owned());
    }
    Ok((host.to_owned(), port))
}

/// What is more than this machine can count is as good as all it can.
fn bounded(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

/// What a broker could not do, with the way out.
fn failed(error: tamis_broker::Error) -> Error {
    use std::io::ErrorKind;
    use tamis_broker::Error as Broken;
    let (exit, hint) = match &error {
        Broken::Exposed { .. } => (
            Exit::Usage,
            Some(
                "`--insecure` listens there nevertheless; `127.0.0.1` is reached from this machine alone",
            ),
        ),
        Broken::InUse { .. } => (Exit::Locked, Some("`--data DIR` names another folder")),
        Broken::Listen { source, .. } => (
            match source.kind() {
                ErrorKind::InvalidInput => Exit::Usage,
                _ => Exit::Failure,
            },
            match source.kind() {
                ErrorKind::AddrInUse => Some(
                    "another process listens there: `--listen HOST:PORT` and `--http HOST:PORT` name another port, `--http none` goes without",
                ),
                ErrorKind::PermissionDenied => Some("ports below 1024 are for root alone"),
                _ => Some("an address is HOST:PORT, such as `127.0.0.1:9092` or `[::1]:9092`"),
            },
        ),
        Broken::Io { source, .. } if source.kind() == ErrorKind::PermissionDenied => (
            Exit::Failure,
            Some("`--data DIR` names a folder that may be written"),
        ),
        Broken::Damaged { .. } => (Exit::Bad, None),
        _ => (Exit::Failure, None),
    };
    Error::Serve {
        source: Box::new(error),
        hint,
        exit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_advertised_address_is_a_host_and_a_port() {
        let parsed = |text| parse_advertised(text).ok();
        assert_eq!(parsed("a.b:9092"), Some(("a.b".to_owned(), 9092)));
        assert_eq!(parsed("[::1]:1"), Some(("::1".to_owned(), 1)));
        for text in [
            "", "a", "a:", ":1", "a:0", "a:65536", "::1", "a:b:1", "[]:1",
        ] {
            assert_eq!(parsed(text), None, "{text}");
        }
    }
}

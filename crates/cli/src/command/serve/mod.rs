//! `tamis serve`: topics for Kafka's clients, until somebody stops it.

#[cfg_attr(not(feature = "count-allocations"), path = "no_allocations.rs")]
mod allocations;
mod events;
mod failure;
mod tls;

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{PossibleValuesParser, RangedU64ValueParser};
use tamis_broker::{Broker, Builder, Flushing, QuotaOptions, Running};
use tamis_engine::human;
use tamis_engine::names;

use crate::args::ByteSize;
use crate::config::serve::{self, parse_advertised};
use crate::config::{Config, Serve};
use crate::{Context, Error, Exit, Result};

/// Serve topics to Kafka's clients, from one process and one folder
///
/// Producers and consumers of Kafka connect to it as they do to Kafka. What is acknowledged to a producer that asks for it
/// (`acks=all`) is on stable storage. Ctrl-C and termination signals end it in order.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis serve
  tamis serve --data /var/lib/tamis --listen 127.0.0.1:9092 --http none
  tamis user add alice && tamis serve --auth --listen 0.0.0.0:9092 --advertise broker.example.com:9092
  tamis serve --listen 0.0.0.0:9092 --advertise broker.example.com:9092 --insecure
  tamis serve --listen 0.0.0.0:9092 --advertise kafka:9092 --listen 0.0.0.0:29092 --advertise localhost:29092 --insecure
  tamis serve --tls-cert cert.pem --tls-key key.pem --listen tls://127.0.0.1:9093 --listen plain://127.0.0.1:9092
  tamis serve --quota-produce 10MB --quota-fetch 50MB
  tamis serve --no-auto-create --log debug --log-format json

Every option can be set in a `tamis.toml` and by the environment, too: docs/configuration.md.

Exit codes: 0 ended in order, also by a signal; 1 a file of the data folder is damaged; 2 usage; 3 it could not start, or not end in order; 11 the data folder is in use; \
130 a second signal did not wait for the end.")]
pub(crate) struct Options {
    /// Where clients connect; may be given several times. Port 0 is one that is free. `tls://HOST:PORT` is served by TLS and
    /// `plain://HOST:PORT` without; where nothing is said, it is TLS if there is a certificate [default: 127.0.0.1:9092]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Vec<String>,

    /// Where the live page, `/healthz`, `/readyz` and `/metrics` are, or `none`; `https://HOST:PORT` goes by TLS [default: 127.0.0.1:8080]
    #[arg(long, value_name = "HOST:PORT")]
    http: Option<String>,

    /// The data folder, made if it is not there [default: ./tamis-data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// Where clients are told to come back to: once for all of `--listen`, or once for each, in their order [default: the address to
    /// which they came]
    #[arg(long, value_name = "HOST:PORT", value_parser = parse_advertised)]
    advertise: Vec<(String, u16)>,

    /// Speak TLS with this certificate, and those that lead to it from one that clients trust: a file of PEM, read again when it changes
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,

    /// The key of the certificate, which is not encrypted: a file of PEM
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,

    /// Let in by TLS only who shows a certificate that one of these signed; others may then reach it without `--insecure`
    #[arg(long, value_name = "FILE")]
    tls_client_ca: Option<String>,

    /// Listen also where other machines get to though nobody is asked who he is; with `--auth`: take passwords as they are over connections
    /// on which others may listen in
    #[arg(long)]
    insecure: bool,

    /// Let in users alone, whom `tamis user add` adds
    #[arg(long)]
    auth: bool,

    /// The file of users [default: `users.json` in the data folder]
    #[arg(long, value_name = "FILE")]
    users: Option<PathBuf>,

    /// A file that says which user may do what; without one each may do everything
    #[arg(long, value_name = "FILE")]
    grants: Option<PathBuf>,

    /// Make no topic because somebody asks for it
    #[arg(long)]
    no_auto_create: bool,

    /// Partitions of topics that do not say how many [default: 1]
    #[arg(long, value_name = "N", value_parser = within(&serve::PARTITIONS))]
    partitions: Option<u64>,

    /// Connections at a time [default: 10000]
    #[arg(long, value_name = "N", value_parser = within(&serve::CONNECTIONS))]
    max_connections: Option<u64>,

    /// Largest request; all that are being worked on together have `--memory`, or 64 MiB [default: 100MiB]
    #[arg(long, value_name = "SIZE")]
    max_request: Option<ByteSize>,

    /// Bytes that each client may produce in a second: whoever sends more is not listened to for a while [default: no limit]
    #[arg(long, value_name = "SIZE")]
    quota_produce: Option<ByteSize>,

    /// Bytes that each client may fetch in a second, likewise [default: no limit]
    #[arg(long, value_name = "SIZE")]
    quota_fetch: Option<ByteSize>,

    /// Close connections over which nothing comes for so long [default: 600]
    #[arg(long, value_name = "SECONDS", value_parser = within(&serve::IDLE_SECONDS))]
    idle_timeout: Option<u64>,

    /// Keep each worker thread on a core of its own
    #[arg(long)]
    pin: bool,

    /// How partitions are made durable: each by one of several threads, or all through a ring of the system, in builds with the feature
    /// `io-uring` [default: threads]
    #[arg(long, value_name = "HOW", value_parser = PossibleValuesParser::new(serve::FLUSHES))]
    flush: Option<String>,

    /// What is told on standard error [default: info]
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(serve::LEVELS))]
    log: Option<String>,

    /// How it is told: for people, or one object of JSON for each event [default: text]
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(serve::LOG_FORMATS))]
    log_format: Option<String>,
}

pub(super) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    let mut settings = options.settings(Config::of_process()?.serve(context.globals))?;
    let start = Instant::now();
    events::show(&settings, context.globals.color);
    // Each connection takes a descriptor, and this process is here for nothing else.
    if let Some(descriptors) = tamis_broker::raise_descriptor_limit() {
        let connections = tamis_broker::connections_within(descriptors);
        if connections < settings.max_connections {
            tracing::warn!(
                descriptors,
                connections,
                "the system lets this process have too few descriptors for `--max-connections` (`ulimit -n`): fewer are taken"
            );
            settings.max_connections = connections;
        }
    }
    let data = options.data(&settings);
    let builder = options.guarded(&settings, builder(&settings, &data));
    let failed = |error| failure::of(error, &data);
    let running = builder.start().map_err(failed)?;
    events::tell_recoveries(running.recoveries());
    events::tell_access(&running);
    tell_ready(&settings, &data, &running, start.elapsed(), context);
    context.cancel.wait();
    tracing::info!("ending");
    running.stop().map_err(failed)?;
    tracing::info!("ended in order");
    Ok(Exit::Good)
}

impl Options {
    /// What was configured, with what these flags say; the data folder comes later, since its name may be no text.
    fn settings(&self, configured: Serve) -> Result<Serve> {
        let count = |typed: Option<u64>, configured| typed.map_or(configured, bounded);
        let known = |typed: &Option<String>, words: &[&'static str], configured| {
            let word = words
                .iter()
                .copied()
                .find(|it| Some(*it) == typed.as_deref());
            word.unwrap_or(configured)
        };
        let settings = Serve {
            listen: match self.listen.is_empty() {
                true => configured.listen,
                false => self.listen.clone(),
            },
            http: self.http.clone().unwrap_or(configured.http),
            advertise: match self.advertise.is_empty() {
                true => configured.advertise,
                false => self.advertise.clone(),
            },
            tls_cert: self.tls_cert.clone().unwrap_or(configured.tls_cert),
            tls_key: self.tls_key.clone().unwrap_or(configured.tls_key),
            tls_client_ca: self
                .tls_client_ca
                .clone()
                .unwrap_or(configured.tls_client_ca),
            insecure: self.insecure || configured.insecure,
            auth: self.auth || configured.auth,
            pin: self.pin || configured.pin,
            auto_create: !self.no_auto_create && configured.auto_create,
            partitions: count(self.partitions, configured.partitions),
            max_connections: count(self.max_connections, configured.max_connections),
            max_request: self.max_request.unwrap_or(configured.max_request),
            quota_produce: self.quota_produce.unwrap_or(configured.quota_produce),
            quota_fetch: self.quota_fetch.unwrap_or(configured.quota_fetch),
            idle_timeout: count(self.idle_timeout, configured.idle_timeout),
            flush: known(&self.flush, &serve::FLUSHES, configured.flush),
            log: known(&self.log, &serve::LEVELS, configured.log),
            log_format: known(&self.log_format, &serve::LOG_FORMATS, configured.log_format),
            ..configured
        };
        let wrong = |message: &str| -> Result<()> {
            Err(Error::Usage {
                message: message.to_owned(),
                hint: None,
            })
        };
        if !serve::REQUEST_BYTES.contains(&settings.max_request.0) {
            wrong("`--max-request` is 1KiB to 2147483647 bytes")?;
        }
        let advertised = settings.advertise.len();
        if advertised > 1 && advertised != settings.listen.len() {
            wrong("`--advertise` is given once for all, or once for each `--listen`")?;
        }
        tls::wrong(&settings).map_or(Ok(()), wrong)?;
        Ok(settings)
    }

    fn data(&self, settings: &Serve) -> PathBuf {
        let typed = self.data.clone();
        typed.unwrap_or_else(|| PathBuf::from(&settings.data))
    }

    /// Says who may come in, and who may do what.
    fn guarded(&self, settings: &Serve, builder: Builder) -> Builder {
        let file = |typed: &Option<PathBuf>, configured: &str| {
            let configured = (!configured.is_empty()).then(|| PathBuf::from(configured));
            typed.clone().or(configured)
        };
        let mut builder = builder.authenticate(settings.auth);
        if let Some(users) = file(&self.users, &settings.users) {
            builder = builder.users(users);
        }
        if let Some(grants) = file(&self.grants, &settings.grants) {
            builder = builder.grants(grants);
        }
        builder
    }
}

fn builder(settings: &Serve, data: &Path) -> Builder {
    let mut builder = Broker::builder(data)
        .insecure(settings.insecure)
        .pin(settings.pin)
        .flushing(flushing(settings))
        .create_topics(settings.auto_create)
        .partitions(settings.partitions)
        .connections_max(settings.max_connections)
        .request_bytes_max(bounded(settings.max_request.0))
        .in_flight_bytes(bounded(settings.memory.0))
        .quotas(QuotaOptions {
            produce: NonZeroU64::new(settings.quota_produce.0),
            fetch: NonZeroU64::new(settings.quota_fetch.0),
        })
        .idle_timeout(Duration::from_secs(settings.idle_timeout as u64));
    if let Some(files) = tls::files(settings) {
        builder = builder.tls(files);
    }
    for address in &settings.listen {
        builder = builder.listen(address);
    }
    if settings.http != "none" {
        builder = builder.http(&settings.http);
    }
    for (host, port) in &settings.advertise {
        builder = builder.advertise(host, *port);
    }
    if settings.threads > 0 {
        builder = builder.threads(settings.threads);
    }
    allocations::told_of(builder)
}

/// It is one of [`serve::FLUSHES`].
fn flushing(settings: &Serve) -> Flushing {
    match settings.flush {
        "io_uring" => Flushing::IoUring,
        _ => Flushing::Threads,
    }
}

fn tell_ready(
    settings: &Serve,
    data: &Path,
    running: &Running,
    elapsed: Duration,
    context: &Context<'_>,
) {
    let listen = running.bootstrap_servers();
    let tls = running.tls_addresses().iter().map(ToString::to_string);
    let tls = tls.collect::<Vec<_>>().join(",");
    let data = names::show(data);
    if settings.log_format == "json" {
        let http = running.http_address().map(|it| it.to_string());
        tracing::info!(listen, tls, http, data = %data, ms = elapsed.as_millis() as u64, "ready");
        return;
    }
    let http = running.http_url();
    let http = http.map_or_else(String::new, |it| format!(", page and metrics at {it}/"));
    let tls = tls::told(&listen, &tls);
    context.printer.say(&format!(
        "ready in {}: clients connect to {listen}{tls}{http}, data is in `{data}`",
        human::duration(elapsed),
    ));
}

/// A number in such a range.
fn within(range: &RangeInclusive<usize>) -> RangedU64ValueParser {
    RangedU64ValueParser::new().range(*range.start() as u64..=*range.end() as u64)
}

/// What is more than this machine can count is as good as all it can.
fn bounded(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        options: Options,
    }

    fn settings(line: &str, configured: Serve) -> Serve {
        let line = Line::try_parse_from(line.split(' ')).expect("a good line");
        line.options.settings(configured).expect("good settings")
    }

    #[test]
    fn flags_count_more_than_what_is_configured() {
        let configured = Serve {
            listen: vec!["127.0.0.1:1".to_owned()],
            http: "none".to_owned(),
            advertise: vec![("a".to_owned(), 1)],
            tls_cert: "a".to_owned(),
            tls_key: "b".to_owned(),
            tls_client_ca: "c".to_owned(),
            insecure: true,
            auto_create: false,
            partitions: 2,
            max_connections: 2,
            max_request: ByteSize(2000),
            quota_produce: ByteSize(3000),
            quota_fetch: ByteSize(4000),
            idle_timeout: 2,
            flush: "io_uring",
            log: "warn",
            log_format: "json",
            auth: true,
            ..Serve::default()
        };
        assert_eq!(settings("serve", configured.clone()), configured);
        let line = "serve --listen :1 --listen :2 --http :3 --advertise b:4 --advertise c:5 --partitions 5 --max-connections 6 \
                    --tls-cert d --tls-key e --tls-client-ca f --quota-produce 8KB --quota-fetch 9KB --max-request 7000 --idle-timeout 8 --flush threads --log trace --log-format text";
        let typed = Serve {
            listen: vec![":1".to_owned(), ":2".to_owned()],
            http: ":3".to_owned(),
            advertise: vec![("b".to_owned(), 4), ("c".to_owned(), 5)],
            quota_produce: ByteSize(8000),
            quota_fetch: ByteSize(9000),
            tls_cert: "d".to_owned(),
            tls_key: "e".to_owned(),
            tls_client_ca: "f".to_owned(),
            partitions: 5,
            max_connections: 6,
            max_request: ByteSize(7000),
            idle_timeout: 8,
            flush: "threads",
            log: "trace",
            log_format: "text",
            ..configured.clone()
        };
        assert_eq!(settings(line, configured), typed);
        let line = "serve --insecure --no-auto-create --pin --auth";
        let switched = settings(line, Serve::default());
        assert!(switched.insecure && switched.pin && !switched.auto_create && switched.auth);
    }
}

//! Where a cluster is, and reaching it.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use tamis_engine::control::Cancel;
use tamis_engine::names;

use super::fault;
use super::heard::Heard;
use super::topics::Topic;
use crate::{Context, Error, Exit, Result};

/// Names the brokers where no option does.
pub(crate) const BOOTSTRAP_VARIABLE: &str = "TAMIS_BOOTSTRAP";

const BOOTSTRAP_DEFAULT: &str = "127.0.0.1:9092";

/// Where brokers usually listen.
const PORT: u16 = 9092;

/// The length that the first bytes of an answer in HTTP would be.
const OF_HTTP: &str = "Invalid response size 1213486160";

/// How long one try lasts; between two, a signal is noticed.
const STEP: Duration = Duration::from_millis(250);

/// A file of properties is a page of text.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Where the cluster is, and how it is spoken to.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Cluster options")]
pub(crate) struct ClusterOptions {
    /// Some of the cluster's brokers; the others are found through them [default: the variable TAMIS_BOOTSTRAP, else
    /// 127.0.0.1:9092]
    #[arg(long, short, value_name = "HOST:PORT,...")]
    bootstrap: Option<String>,

    /// A property of the client by librdkafka's name, such as `sasl.username=me`; may be given several times
    #[arg(short = 'X', long = "property", value_name = "NAME=VALUE", value_parser = parse_pair)]
    properties: Vec<(String, String)>,

    /// A file of such properties, one a line: for passwords, which others can read in a command line
    #[arg(long, value_name = "FILE")]
    client_config: Option<PathBuf>,

    /// How long to wait for the cluster
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

/// A cluster that somebody named.
#[derive(Debug)]
pub(crate) struct Cluster<'a> {
    config: ClientConfig,
    bootstrap: String,
    pub(super) timeout: Duration,
    pub(super) heard: Heard,
    pub(super) cancel: &'a Cancel,
}

impl<'a> Cluster<'a> {
    /// The cluster that the options name; nobody has spoken to it yet.
    pub(crate) fn named(options: &ClusterOptions, context: &Context<'a>) -> Result<Cluster<'a>> {
        let mut config = ClientConfig::new();
        config.set("client.id", "tamis");
        // What brokers look like to somebody who has only just begun to ask.
        config.set("reconnect.backoff.ms", "50");
        config.set("reconnect.backoff.max.ms", "1000");
        if let Some(path) = &options.client_config {
            for (name, value) in read_properties(path)? {
                config.set(name, value);
            }
        }
        for (name, value) in &options.properties {
            config.set(name, value);
        }
        let bootstrap = options.bootstrap(&config)?;
        config.set("bootstrap.servers", &bootstrap);
        let heard = Heard::new(config.get("debug").is_some());
        Ok(Cluster {
            config,
            bootstrap,
            timeout: Duration::from_secs(options.timeout),
            heard,
            cancel: context.cancel,
        })
    }

    /// A client with `properties` where nobody has set them otherwise.
    pub(super) fn client<T: FromClientConfigAndContext<Heard>>(
        &self,
        properties: &[(&str, &str)],
    ) -> Result<T> {
        self.client_with(properties, self.heard.clone())
    }

    /// The same with a context of its own.
    pub(super) fn client_with<C, T>(&self, properties: &[(&str, &str)], context: C) -> Result<T>
    where
        C: rdkafka::client::ClientContext,
        T: FromClientConfigAndContext<C>,
    {
        let mut config = self.config.clone();
        for (name, value) in properties {
            if config.get(name).is_none() {
                config.set(*name, *value);
            }
        }
        config
            .create_with_context(context)
            .map_err(|error| fault::of("cannot start a client", &error))
    }

    /// A client for questions.
    pub(crate) fn reader(&self) -> Result<Reader<'_>> {
        let client = self.client(&[])?;
        Ok(Reader {
            cluster: self,
            client,
        })
    }

    /// The same for a group's offsets.
    pub(crate) fn reader_of(&self, group: &str) -> Result<Reader<'_>> {
        let properties = [("group.id", group), ("enable.auto.commit", "false")];
        let client = self.client(&properties)?;
        Ok(Reader {
            cluster: self,
            client,
        })
    }

    /// Asks until somebody answers: all topics, or the one of that name. `serve` lets the client tell what it has heard.
    pub(super) fn metadata<C: rdkafka::client::ClientContext>(
        &self,
        client: &Client<C>,
        topic: Option<&str>,
        serve: impl Fn(),
    ) -> Result<Vec<Topic>> {
        let start = Instant::now();
        loop {
            self.cancel.check()?;
            let step = STEP.min(self.timeout);
            let error = match client.fetch_metadata(topic, step) {
                Ok(metadata) => return Ok(metadata.topics().iter().map(Topic::of).collect()),
                Err(error) => error,
            };
            serve();
            let code = error.rdkafka_error_code();
            let is_refused = code == Some(RDKafkaErrorCode::SaslAuthenticationFailed)
                || code == Some(RDKafkaErrorCode::Authentication);
            if is_refused || start.elapsed() >= self.timeout {
                return Err(self.unreachable());
            }
        }
    }

    /// Nobody answers.
    pub(super) fn unreachable(&self) -> Error {
        let seconds = self.timeout.as_secs();
        let why = self.heard.last_error().map(|why| match why.contains(OF_HTTP) {
            true => "who listens there speaks HTTP, as `tamis serve` does at its address for metrics".to_owned(),
            false => names::show_bytes(why.as_bytes()).to_string(),
        });
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        Error::Cluster {
            message: format!(
                "no broker at `{}` answered within {seconds} s{why}",
                names::show_bytes(self.bootstrap.as_bytes())
            ),
            hint: Some(format!(
                "`tamis serve` starts one here; `--bootstrap HOST:PORT` or `{BOOTSTRAP_VARIABLE}` names another, `--timeout SECONDS` waits longer"
            )),
            exit: Exit::Failure,
        }
    }
}

impl ClusterOptions {
    fn bootstrap(&self, config: &ClientConfig) -> Result<String> {
        let variable = || std::env::var_os(BOOTSTRAP_VARIABLE).filter(|it| !it.is_empty());
        let of_properties = ["bootstrap.servers", "metadata.broker.list"]
            .iter()
            .find_map(|name| config.get(name));
        let (text, origin) = match (&self.bootstrap, of_properties) {
            (Some(text), _) => (text.clone(), "--bootstrap"),
            (None, Some(text)) => (text.to_owned(), "bootstrap.servers"),
            (None, None) => match variable() {
                Some(text) => (text.to_string_lossy().into_owned(), BOOTSTRAP_VARIABLE),
                None => (BOOTSTRAP_DEFAULT.to_owned(), "--bootstrap"),
            },
        };
        let wrong = text.split(',').map(str::trim).find(|it| !is_address(it));
        let Some(wrong) = wrong else {
            return Ok(text);
        };
        let guess = format!("{wrong}:{PORT}");
        let hint = match is_address(&guess) && !wrong.contains(':') {
            true => guess,
            false => format!("broker.example.com:{PORT}"),
        };
        Err(Error::Usage {
            message: format!(
                "`{origin}` is HOST:PORT, or several with commas between them, not `{}`",
                names::show_bytes(text.as_bytes())
            ),
            hint: Some(format!("such as `{hint}`")),
        })
    }
}

/// A client that asks.
pub(crate) struct Reader<'c> {
    pub(super) cluster: &'c Cluster<'c>,
    pub(super) client: BaseConsumer<Heard>,
}

impl Reader<'_> {
    /// All topics.
    pub(crate) fn topics(&self) -> Result<Vec<Topic>> {
        let mut topics = metadata_of(self.cluster, &self.client)?;
        topics.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(topics)
    }

    /// The topics of these names, in this order; all must be there.
    pub(crate) fn topics_named(&self, names: &[String]) -> Result<Vec<Topic>> {
        topics_named(self.cluster, &self.client, names)
    }
}

/// The topics of these names, in this order; all must be there.
///
/// All topics are asked for, because asking for one by name makes it on some brokers.
pub(super) fn topics_named(
    cluster: &Cluster<'_>,
    client: &BaseConsumer<Heard>,
    names: &[String],
) -> Result<Vec<Topic>> {
    let all = metadata_of(cluster, client)?;
    names.iter().map(|name| named(&all, name)).collect()
}

/// What a consumer's cluster has; its messages are not touched.
fn metadata_of(cluster: &Cluster<'_>, client: &BaseConsumer<Heard>) -> Result<Vec<Topic>> {
    cluster.metadata(client.client(), None, || {
        // Nothing is assigned yet, so this gives no messages; errors have been heard.
        while client.poll(Duration::ZERO).is_some() {}
    })
}

fn named(all: &[Topic], name: &str) -> Result<Topic> {
    match all.iter().find(|topic| topic.name == name) {
        Some(topic) => Ok(topic.clone()),
        None => {
            let known = all.iter().map(|topic| topic.name.as_str());
            let nearest = tamis_engine::suggest::nearest(name, known);
            let hint = match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => {
                    "`tamis topic list` lists the topics, `tamis topic create` makes one".to_owned()
                }
            };
            Err(Error::Usage {
                message: format!("there is no topic `{}`", names::show_bytes(name.as_bytes())),
                hint: Some(hint),
            })
        }
    }
}

fn is_address(text: &str) -> bool {
    // librdkafka knows addresses with a protocol in front.
    let text = text.rsplit_once("://").map_or(text, |(_, address)| address);
    let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
    match text.rsplit_once(':') {
        Some((host, port)) => {
            !host.is_empty() && !host.contains(char::is_whitespace) && is_port(port)
        }
        None => false,
    }
}

/// For clap: `NAME=VALUE`.
pub(crate) fn parse_pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !text.contains('\0') => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// The properties in a file, one a line; lines that begin with `#` are comments.
fn read_properties(path: &Path) -> Result<Vec<(String, String)>> {
    use std::io::Read;
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let file = std::fs::File::open(path).map_err(failed)?;
    let mut text = String::new();
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(failed)?;
    let mut properties = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, value) = parse_pair(line).map_err(|expected| Error::Usage {
            message: format!("`{}` line {}: {expected}", names::show(path), index + 1),
            hint: None,
        })?;
        properties.push((name, value.trim().to_owned()));
    }
    Ok(properties)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_have_a_host_and_a_port() {
        for text in [
            "a:1",
            "127.0.0.1:9092",
            "[::1]:9092",
            "PLAINTEXT://a.b:65535",
        ] {
            assert!(is_address(text), "{text}");
        }
        for text in ["", "a", ":1", "a:", "a:0", "a:65536", "a b:1", "a:b"] {
            assert!(!is_address(text), "{text}");
        }
    }

    #[test]
    fn properties_come_from_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("client.properties");
        std::fs::write(&path, "# mine\n\nsasl.username = me\nsasl.password=a=b\n").unwrap();
        let read = read_properties(&path).unwrap();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(
            read,
            [pair("sasl.username", "me"), pair("sasl.password", "a=b")]
        );
        std::fs::write(&path, "a=1\nnonsense\n").unwrap();
        let error = read_properties(&path).unwrap_err().to_string();
        assert!(error.ends_with("line 2: expected NAME=VALUE"), "{error}");
    }
}

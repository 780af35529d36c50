//! Where a cluster is, and reaching it.

use std::path::Path;
use std::time::{Duration, Instant};

use rdkafka::client::Client;
use rdkafka::config::{ClientConfig, FromClientConfigAndContext, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use tamis_engine::control::Cancel;
use tamis_engine::names;

use crate::address;
use crate::fault;
use crate::heard::Heard;
use crate::patience::Closing;
use crate::topics::Topic;
use crate::{Error, Kind, Result};

/// Where brokers usually listen.
const PORT: u16 = 9092;

/// The length that the first bytes of an answer in HTTP would be.
const OF_HTTP: &str = "Invalid response size 1213486160";

/// What librdkafka says before what a broker said to somebody who may not come in.
const OF_LOGIN: &str = "SASL authentication error";

/// Who you are is said by options, or where an address stands alone, by variables or properties.
const OF_USERS: &str = "`--user NAME` with `--password-file FILE` or `TAMIS_PASSWORD` says who you are; `tamis user` looks after the users of `tamis serve --auth`";
const OF_USERS_OF_ADDRESS: &str = "the variables `TAMIS_USER` and `TAMIS_PASSWORD`, or `client-config=FILE` in the address, say who you are; `tamis user` looks after the users of `tamis serve --auth`";

/// How long one try lasts; between two, a signal is noticed.
const STEP: Duration = Duration::from_millis(250);

/// A file of properties is a page of text.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// A cluster that somebody named.
#[derive(Clone, Debug)]
pub struct Cluster {
    config: ClientConfig,
    bootstrap: String,
    /// Whether an address named it, where options say nothing.
    is_of_address: bool,
    pub(crate) timeout: Duration,
    pub(crate) heard: Heard,
    pub(crate) cancel: Cancel,
}

impl Cluster {
    /// A cluster of these brokers; nobody has spoken to it yet. Later properties count more than earlier ones. `origin` is where the
    /// brokers were named, for messages.
    ///
    /// # Errors
    /// [`Error::Usage`] when `bootstrap` names no brokers.
    pub fn new(
        bootstrap: &str,
        origin: &str,
        properties: &[(String, String)],
        timeout: Duration,
        cancel: &Cancel,
    ) -> Result<Cluster> {
        check_bootstrap(bootstrap, origin)?;
        let mut config = ClientConfig::new();
        config.set("client.id", "tamis");
        // What brokers look like to somebody who has only just begun to ask.
        config.set("reconnect.backoff.ms", "50");
        config.set("reconnect.backoff.max.ms", "1000");
        // librdkafka's second name of `bootstrap.servers`: of both it would take either.
        let others = properties
            .iter()
            .filter(|(name, _)| name != "metadata.broker.list");
        for (name, value) in others {
            config.set(name, value);
        }
        config.set("bootstrap.servers", bootstrap);
        let shows_lines = config.get("debug").is_some();
        if shows_lines {
            // Otherwise the binding keeps all of these lines to itself.
            config.set_log_level(RDKafkaLogLevel::Debug);
        }
        let heard = Heard::new(shows_lines);
        Ok(Cluster {
            config,
            bootstrap: bootstrap.to_owned(),
            is_of_address: origin == address::SCHEME,
            timeout,
            heard,
            cancel: cancel.clone(),
        })
    }

    /// Fails if properties are set with which what is promised of the topic called `name` would not hold. An address has none of them;
    /// files and programs may.
    pub(crate) fn check_reserved(&self, name: &str) -> Result<()> {
        let mut reserved = address::RESERVED.iter();
        match reserved.find(|(property, _)| self.config.get(property).is_some()) {
            None => Ok(()),
            Some((property, why)) => Err(Error::Usage {
                message: format!("`{name}`: the property `{property}` cannot be set: {why}"),
                hint: Some("leave it out of the client's properties".to_owned()),
            }),
        }
    }

    /// The same cluster, where another handle stops what is done.
    pub(crate) fn cancelled_by(mut self, cancel: &Cancel) -> Cluster {
        self.cancel = cancel.clone();
        self
    }

    /// A client with `properties` where nobody has set them otherwise.
    pub(crate) fn client<T: FromClientConfigAndContext<Heard>>(
        &self,
        properties: &[(&str, &str)],
    ) -> Result<T> {
        self.client_with(properties, self.heard.clone())
    }

    /// The same with a context of its own.
    pub(crate) fn client_with<C, T>(&self, properties: &[(&str, &str)], context: C) -> Result<T>
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
    pub fn reader(&self) -> Result<Reader> {
        Ok(Reader {
            cluster: self.clone(),
            client: Closing::new(self.client(&[])?, self.timeout),
        })
    }

    /// The same for a group's offsets.
    pub fn reader_of(&self, group: &str) -> Result<Reader> {
        let properties = [("group.id", group), ("enable.auto.commit", "false")];
        Ok(Reader {
            cluster: self.clone(),
            client: Closing::new(self.client(&properties)?, self.timeout),
        })
    }

    /// Asks until somebody answers: all topics, or the one of that name. `serve` lets the client tell what it has heard.
    pub(crate) fn metadata<C: rdkafka::client::ClientContext>(
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
    pub(crate) fn unreachable(&self) -> Error {
        let seconds = self.timeout.as_secs();
        let why = self.heard.last_error().map(|why| match why.contains(OF_HTTP) {
            true => "who listens there speaks HTTP, as `tamis serve` does at its address for metrics".to_owned(),
            false => names::show_bytes(why.as_bytes()).to_string(),
        });
        let why = why.map_or_else(String::new, |why| format!(": {why}"));
        let bootstrap = names::show_bytes(self.bootstrap.as_bytes());
        if why.contains(OF_LOGIN) {
            return Error::Cluster {
                message: format!("`{bootstrap}` does not let this user in{why}"),
                hint: Some(match self.is_of_address {
                    true => OF_USERS_OF_ADDRESS.to_owned(),
                    false => OF_USERS.to_owned(),
                }),
                kind: Kind::Failure,
            };
        }
        Error::Cluster {
            message: format!("no broker at `{bootstrap}` answered within {seconds} s{why}"),
            hint: Some(self.hint_away()),
            kind: Kind::Failure,
        }
    }

    /// Nobody has answered in time to what was asked, though somebody did before.
    pub(crate) fn unanswered(&self, what: &str) -> Error {
        let seconds = self.timeout.as_secs();
        Error::Cluster {
            message: format!("{what}: no answer within {seconds} s"),
            hint: Some(match self.is_of_address {
                true => "`timeout=SECONDS` behind the address's `?` waits longer".to_owned(),
                false => "`--timeout SECONDS` waits longer".to_owned(),
            }),
            kind: Kind::Failure,
        }
    }

    /// What can be done where nobody answers.
    fn hint_away(&self) -> String {
        let (elsewhere, user) = match self.is_of_address {
            true => (
                "`kafka://HOST:PORT/TOPIC` names another, `timeout=SECONDS` behind its `?` waits longer",
                "the variable `TAMIS_USER`",
            ),
            false => (
                "`--bootstrap HOST:PORT` or `TAMIS_BOOTSTRAP` names another, `--timeout SECONDS` waits longer",
                "`--user NAME`",
            ),
        };
        let of_users = match self.config.get("sasl.username") {
            Some(_) => String::new(),
            None => format!("; one that asks who you are lets in nobody without {user}"),
        };
        format!("`tamis serve` starts one here; {elsewhere}{of_users}")
    }
}

/// Fails if `text` is no list of addresses.
fn check_bootstrap(text: &str, origin: &str) -> Result<()> {
    let wrong = text.split(',').map(str::trim).find(|it| !is_address(it));
    let Some(wrong) = wrong else {
        return Ok(());
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

/// A client that asks.
pub struct Reader {
    pub(crate) cluster: Cluster,
    pub(crate) client: Closing<BaseConsumer<Heard>>,
}

impl Reader {
    /// All topics.
    pub fn topics(&self) -> Result<Vec<Topic>> {
        let mut topics = metadata_of(&self.cluster, &self.client)?;
        topics.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(topics)
    }

    /// The topics of these names, in this order; all must be there.
    pub fn topics_named(&self, names: &[String]) -> Result<Vec<Topic>> {
        topics_named(&self.cluster, &self.client, names)
    }
}

/// The topics of these names, in this order; all must be there.
///
/// All topics are asked for, because asking for one by name makes it on some brokers.
pub(crate) fn topics_named(
    cluster: &Cluster,
    client: &BaseConsumer<Heard>,
    names: &[String],
) -> Result<Vec<Topic>> {
    let all = metadata_of(cluster, client)?;
    names.iter().map(|name| named(&all, name)).collect()
}

/// What a consumer's cluster has; its messages are not touched.
fn metadata_of(cluster: &Cluster, client: &BaseConsumer<Heard>) -> Result<Vec<Topic>> {
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

/// The two of `NAME=VALUE`.
///
/// # Errors
/// What was expected.
pub fn parse_pair(text: &str) -> std::result::Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !text.contains('\0') => {
            Ok((name.trim().to_owned(), value.to_owned()))
        }
        _ => Err("expected NAME=VALUE".to_owned()),
    }
}

/// The properties in a file, one a line; lines that begin with `#` are comments.
///
/// # Errors
/// [`Error::Read`], and [`Error::Usage`] for a line that is no property.
pub fn read_properties(path: &Path) -> Result<Vec<(String, String)>> {
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
    fn hints_are_about_what_was_typed() {
        let hint = |origin: &str, property: &str| {
            let properties = [(property.to_owned(), "me".to_owned())];
            let timeout = Duration::from_secs(1);
            let cluster = Cluster::new("a:1", origin, &properties, timeout, &Cancel::new());
            cluster.unwrap().unreachable().hint().unwrap().to_owned()
        };
        let of_address = hint(address::SCHEME, "client.id");
        assert!(!of_address.contains("--"), "{of_address}");
        assert!(of_address.contains("`timeout=SECONDS`"), "{of_address}");
        assert!(of_address.contains("`TAMIS_USER`"), "{of_address}");
        assert!(hint("--bootstrap", "client.id").contains("`--user NAME`"));
        assert!(!hint("--bootstrap", "sasl.username").contains("who you are"));
    }

    #[test]
    fn brokers_have_one_name() {
        let properties = [("metadata.broker.list".to_owned(), "b:1".to_owned())];
        let timeout = Duration::from_secs(1);
        let cluster = Cluster::new("a:1", "here", &properties, timeout, &Cancel::new()).unwrap();
        assert_eq!(cluster.config.get("metadata.broker.list"), None);
        assert_eq!(cluster.config.get("bootstrap.servers"), Some("a:1"));
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

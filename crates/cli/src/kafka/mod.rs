//! Clusters of Kafka as the command line names them; the client itself is `tamis-kafka`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use tamis_kafka::Kind;
use tamis_kafka::cluster::read_properties;
pub(crate) use tamis_kafka::cluster::{Cluster, Reader, parse_pair};
pub(crate) use tamis_kafka::{
    Partition, admin, consumer, groups, heard, offsets, producer, topics,
};

mod login;
pub(crate) mod place;

use crate::{Context, Error, Exit, Result};
pub(crate) use login::LoginOptions;

/// Names the brokers where no option does.
pub(crate) const BOOTSTRAP_VARIABLE: &str = "TAMIS_BOOTSTRAP";

/// Names a file of properties where no option does.
const CLIENT_CONFIG_VARIABLE: &str = "TAMIS_CLIENT_CONFIG";

const BOOTSTRAP_DEFAULT: &str = "127.0.0.1:9092";

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

    /// A file of such properties, one a line: for passwords, which others can read in a command line [default: the variable
    /// TAMIS_CLIENT_CONFIG]
    #[arg(long, value_name = "FILE")]
    client_config: Option<PathBuf>,

    #[command(flatten)]
    login: LoginOptions,

    /// How long to wait for the cluster
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,
}

impl ClusterOptions {
    /// The cluster that the options name; nobody has spoken to it yet.
    pub(crate) fn cluster(&self, context: &Context<'_>) -> Result<Cluster> {
        let mut properties = file_properties(self.client_config.as_deref())?;
        properties.extend_from_slice(&self.properties);
        let (bootstrap, origin) = self.bootstrap(&properties);
        let login = self.login.properties(&properties, &bootstrap)?;
        properties.extend(login);
        let timeout = Duration::from_secs(self.timeout);
        let cluster = Cluster::new(&bootstrap, origin, &properties, timeout, context.cancel)?;
        Ok(cluster)
    }

    /// The brokers, and where they were named.
    fn bootstrap(&self, properties: &[(String, String)]) -> (String, &'static str) {
        let variable = || std::env::var_os(BOOTSTRAP_VARIABLE).filter(|it| !it.is_empty());
        let property = |name: &str| {
            let found = properties.iter().rev().find(|(it, _)| it == name);
            found.map(|(_, value)| value.clone())
        };
        let of_properties =
            property("bootstrap.servers").or_else(|| property("metadata.broker.list"));
        match (&self.bootstrap, of_properties) {
            (Some(text), _) => (text.clone(), "--bootstrap"),
            (None, Some(text)) => (text, "bootstrap.servers"),
            (None, None) => match variable() {
                Some(text) => (text.to_string_lossy().into_owned(), BOOTSTRAP_VARIABLE),
                None => (BOOTSTRAP_DEFAULT.to_owned(), "--bootstrap"),
            },
        }
    }
}

/// The properties in the file that was named, or else in the one that the environment names.
pub(crate) fn file_properties(named: Option<&Path>) -> Result<Vec<(String, String)>> {
    let variable = || std::env::var_os(CLIENT_CONFIG_VARIABLE).filter(|it| !it.is_empty());
    let path = named
        .map(Path::to_owned)
        .or_else(|| variable().map(PathBuf::from));
    Ok(match path {
        Some(path) => read_properties(&path)?,
        None => Vec::new(),
    })
}

impl From<tamis_kafka::Error> for Error {
    fn from(error: tamis_kafka::Error) -> Error {
        use tamis_kafka::Error as Kafka;
        match error {
            Kafka::Usage { message, hint } => Error::Usage { message, hint },
            Kafka::Read { path, source } => Error::Read { path, source },
            Kafka::Engine(error) => Error::Engine(error),
            Kafka::Cluster {
                message,
                hint,
                kind,
            } => Error::Cluster {
                message,
                hint,
                exit: exit(kind),
            },
            other => Error::Cluster {
                message: other.to_string(),
                hint: None,
                exit: Exit::Failure,
            },
        }
    }
}

/// What the client said, if it is what an engine's error came from.
pub(crate) fn cause(error: &tamis_engine::Error) -> Option<&tamis_kafka::Error> {
    let cause: &(dyn std::error::Error + 'static) = match error {
        tamis_engine::Error::Producer { source, .. } => source.as_ref(),
        tamis_engine::Error::Write { source, .. } => source.get_ref()?,
        _ => return None,
    };
    cause.downcast_ref()
}

pub(crate) fn exit(kind: Kind) -> Exit {
    match kind {
        Kind::Data => Exit::Bad,
        Kind::Usage => Exit::Usage,
        Kind::Locked => Exit::Locked,
        Kind::Failure => Exit::Failure,
    }
}

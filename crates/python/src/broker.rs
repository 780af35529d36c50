//! A broker in this process, for tests: `tamis.broker` is its interface.

use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use pyo3::prelude::*;
use tamis_broker::{Broker, Running};

use crate::error;

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<RunningBroker>()
}

/// A broker that runs on threads of its own, none of which takes the interpreter lock.
#[pyclass(frozen, module = "tamis._tamis")]
struct RunningBroker {
    bootstrap: String,
    http: Option<String>,
    /// `None` once it was stopped.
    running: Mutex<Option<Running>>,
}

#[pymethods]
impl RunningBroker {
    #[new]
    #[pyo3(signature = (data, *, listen, http, partitions, auto_create))]
    fn new(
        py: Python<'_>,
        data: PathBuf,
        listen: String,
        http: Option<String>,
        partitions: usize,
        auto_create: bool,
    ) -> PyResult<RunningBroker> {
        let mut builder = Broker::builder(data)
            .listen(listen)
            .partitions(partitions)
            .create_topics(auto_create);
        if let Some(http) = http {
            builder = builder.http(http);
        }
        let started = py.detach(|| builder.start());
        let running = started.map_err(|failed| error::broker(py, &failed.to_string()))?;
        Ok(RunningBroker {
            bootstrap: running.bootstrap_servers(),
            http: running.http_address().map(|it| it.to_string()),
            running: Mutex::new(Some(running)),
        })
    }

    #[getter]
    fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    #[getter]
    fn http(&self) -> Option<&str> {
        self.http.as_deref()
    }

    fn stop(&self, py: Python<'_>) -> PyResult<()> {
        let running = self
            .running
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let stopped = py.detach(|| running.map_or(Ok(()), Running::stop));
        stopped.map_err(|failed| error::broker(py, &failed.to_string()))
    }
}

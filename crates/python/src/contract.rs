//! Contracts for Python: out of fields, ODCS text or data.
//!
//! A [`Contract`] here is one of the model with the object chosen that describes the records. `tamis.Schema` is a
//! face for it; what is wrong with a field is found here, where the patterns and formats are compiled, and said
//! with the names of field and argument.

use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyType;
use tamis_contract::model::{
    Contract as Model, ExtraColumns, Metric, Object, Operator, Property, Quality,
};
use tamis_contract::odcs;
use tamis_engine::control::{Cancel, Progress};
use tamis_engine::number::Decimal;
use tamis_process::infer::{self, InferOptions};

use crate::detached::Desk;
use crate::field::{Fault, FieldSpec};
use crate::{error, source};

/// What contracts made of fields are called.
const CONTRACT_ID: &str = "schema";
const OBJECT_NAME: &str = "records";

/// Adds the class.
pub(crate) fn add_to(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Contract>()
}

/// A data contract and the object of it that describes the records.
#[pyclass(module = "tamis._tamis", frozen)]
pub(crate) struct Contract {
    model: Arc<Model>,
    object: usize,
}

#[pymethods]
impl Contract {
    /// A contract of these columns; each of `unique` is a key of one column or several. `extra_columns`:
    /// whether others may be there.
    #[classmethod]
    fn from_fields(
        class: &Bound<'_, PyType>,
        fields: Vec<FieldSpec>,
        unique: Vec<Vec<String>>,
        extra_columns: bool,
    ) -> PyResult<Contract> {
        let py = class.py();
        let mut object = Object::new(OBJECT_NAME).extra_columns(match extra_columns {
            true => ExtraColumns::Allow,
            false => ExtraColumns::Refuse,
        });
        for field in fields {
            let property = field.property().map_err(|fault| {
                let Fault { argument, message } = fault;
                error::schema(
                    py,
                    &format!("field `{}`: `{argument}`: {message}", field.name),
                )
            })?;
            object = object.property(property);
        }
        for key in unique {
            if let [column] = key.as_slice()
                && let Some(property) = object.properties.iter_mut().find(|it| it.name == *column)
            {
                property.unique = true;
                continue;
            }
            let metric = Metric::DuplicateValues { properties: key };
            object = object.quality(Quality::metric(metric, Operator::MustBe(Decimal::ZERO)));
        }
        let model = Model::builder(CONTRACT_ID).object(object).build();
        Ok(Contract {
            model: Arc::new(model),
            object: 0,
        })
    }

    /// The contract in an ODCS document; `name` is what messages call it.
    #[classmethod]
    #[pyo3(signature = (text, *, name, object=None))]
    fn from_odcs(
        class: &Bound<'_, PyType>,
        text: &[u8],
        name: &str,
        object: Option<&str>,
    ) -> PyResult<Contract> {
        let py = class.py();
        let reading =
            odcs::read(name, text).map_err(|error| error::schema(py, &error.to_string()))?;
        let model = reading.contract;
        let names = || {
            let names = model
                .objects
                .iter()
                .map(|object| format!("`{}`", object.name));
            names.collect::<Vec<_>>().join(", ")
        };
        let chosen = model.object(object, "").map_err(|error| {
            let message = match (object, model.objects.len()) {
                (None, 2..) => format!(
                    "it has several objects, choose one with `object=`: {}",
                    names()
                ),
                _ => error.to_string(),
            };
            error::schema(py, &format!("`{name}`: {message}"))
        })?;
        let is_chosen = |object: &Object| std::ptr::eq(object, chosen);
        let object = model.objects.iter().position(is_chosen);
        let object = object.expect("it is one of them");
        Ok(Contract {
            model: Arc::new(model),
            object,
        })
    }

    /// The contract that all records of `source` keep, and notes on how it came about.
    #[classmethod]
    #[pyo3(signature = (source, *, format=None, threads=None))]
    fn infer(
        class: &Bound<'_, PyType>,
        source: &Bound<'_, PyAny>,
        format: Option<&str>,
        threads: Option<usize>,
    ) -> PyResult<(Contract, Vec<String>)> {
        let py = class.py();
        let mut options = InferOptions {
            cancel: Cancel::new(),
            progress: Progress::new(),
            ..InferOptions::default()
        };
        options.threads = threads.unwrap_or(options.threads).max(1);
        let mut desk = Desk::new(options.cancel.clone());
        let sources = [source::source(source, desk.caller())?];
        options.format = source::format(format, &sources)?;
        let [source] = &sources;
        let inferred = desk.run(py, |_| Ok(()), || infer::infer(&[&**source], &options))?;
        let inferred = inferred.map_err(|error| error::of_process(py, &error))?;
        let contract = Contract {
            model: Arc::new(inferred.contract),
            object: 0,
        };
        let notes = inferred.notes.iter().map(|note| error::in_python(note));
        Ok((contract, notes.collect()))
    }

    /// The contract as ODCS 3.2 YAML.
    fn to_odcs(&self) -> String {
        odcs::to_yaml(&self.model)
    }

    /// Name of the object that describes the records.
    #[getter]
    fn object_name(&self) -> &str {
        &self.object().name
    }

    /// The columns, by the names they have in the data.
    #[getter]
    fn columns(&self) -> Vec<&str> {
        self.object()
            .properties
            .iter()
            .map(Property::column_name)
            .collect()
    }

    /// A hash of everything that the contract says, in hexadecimal: BLAKE3 of its ODCS text and the object's name.
    #[getter]
    fn fingerprint(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        hasher.update(self.to_odcs().as_bytes());
        hasher.update(b"\0");
        hasher.update(self.object().name.as_bytes());
        hasher.finalize().to_hex().to_string()
    }
}

impl Contract {
    /// The whole contract.
    pub(crate) fn model(&self) -> &Model {
        &self.model
    }

    /// The object that describes the records.
    pub(crate) fn object(&self) -> &Object {
        &self.model.objects[self.object]
    }
}

//! Topics as inputs and outputs, in a build without a client for Kafka: say how to get one.

use std::path::Path;

use tamis_contract::model::CsvFacts;
use tamis_contract::report::Note;
use tamis_engine::control::Cancel;
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;

use crate::follow::Results;
use crate::inputs::InputFormat;
use crate::printer::Printer;
use crate::{Error, Exit, Result};

/// Whether this names a topic.
pub(crate) fn is_meant(name: &Path) -> bool {
    name.to_str()
        .is_some_and(|name| name.starts_with("kafka://"))
}

/// What a path is called where others see it: of an address without its properties, which may be secret.
pub(crate) fn shown(name: &Path) -> String {
    let text = name.to_string_lossy();
    match is_meant(name) {
        true => text.split('?').next().unwrap_or_default().to_owned(),
        false => text.into_owned(),
    }
}

/// The topic's name, which nobody asks for.
pub(crate) fn topic(_name: &Path) -> Option<String> {
    None
}

/// Whether both name one topic; none can be named.
pub(crate) fn are_same(_left: &Path, _right: &Path) -> bool {
    false
}

/// What was said of the inputs.
#[derive(Clone, Copy, Debug)]
#[expect(dead_code, reason = "nothing is read by it")]
pub(crate) struct Said<'f> {
    pub(crate) format: Option<InputFormat>,
    pub(crate) csv: &'f CsvFacts,
    pub(crate) header: Option<bool>,
}

/// The topics of a run: none.
#[derive(Clone, Debug, Default)]
pub(crate) struct Topics;

pub(crate) fn source(
    name: &Path,
    _said: Said<'_>,
    _topics: &Topics,
    _cancel: &Cancel,
) -> Result<Box<dyn Source>> {
    Err(absent(name))
}

pub(crate) fn sink(name: &Path, _topics: &Topics, _cancel: &Cancel) -> Result<Box<dyn Sink>> {
    Err(absent(name))
}

pub(crate) fn says_csv(name: &Path) -> Result<Option<bool>> {
    Err(absent(name))
}

/// Nothing goes wrong with topics.
pub(crate) fn hint(_error: &tamis_engine::Error) -> Option<&str> {
    None
}

pub(crate) fn exit(_error: &tamis_engine::Error) -> Option<Exit> {
    None
}

impl Topics {
    pub(crate) fn follow(&self, _stop: &Cancel, _results: Results) {}

    pub(crate) fn keep(&self, _why: &'static str) {}

    #[expect(clippy::unnecessary_wraps, reason = "with a client it can fail")]
    pub(crate) fn written(&self, _records: u64) -> Result<()> {
        Ok(())
    }

    #[expect(clippy::unnecessary_wraps, reason = "with a client it can fail")]
    pub(crate) fn written_bytes(&self, _bytes: u64) -> Result<()> {
        Ok(())
    }

    pub(crate) fn notes(&self) -> Vec<Note> {
        Vec::new()
    }

    #[expect(clippy::unnecessary_wraps, reason = "with a client it can fail")]
    pub(crate) fn settle(&self, exit: Exit, _printer: &Printer) -> Result<Exit> {
        Ok(exit)
    }
}

fn absent(name: &Path) -> Error {
    let message = format!("`{}`: this build has no client for Kafka", shown(name));
    crate::absent::error(message, "kafka-client")
}

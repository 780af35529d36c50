//! Topics named like files: `kafka://HOST:PORT/TOPIC?...`, as inputs and as outputs.
//!
//! A source is made here and noted in [`Topics`]. What came of it is written by the verb; when the verb has come to its end,
//! [`Topics::settle`] commits the offsets of groups, and nobody else does. So what fails, is interrupted, or ends before the end of its
//! input commits nothing. A verb that goes on says with [`Topics::written`] how many records it is done with.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamis_contract::model::CsvFacts;
use tamis_contract::report::{Note, NoteKind, text};
use tamis_engine::control::Cancel;
use tamis_engine::sink::Sink;
use tamis_engine::source::Source;
use tamis_formats::csv::Dialect;
use tamis_kafka::address::{Address, PayloadKind};
use tamis_kafka::cluster::Cluster;
use tamis_kafka::sink::{KafkaSink, TopicWriter};
use tamis_kafka::source::{Commits, Extent, KafkaSource, Payload, SourceOptions, Start};

use crate::follow::Results;
use crate::inputs::InputFormat;
use crate::kafka::place::Place;
use crate::kafka::{self, LoginOptions};
use crate::printer::Printer;
use crate::{Error, Exit, Result};

/// Whether this names a topic.
pub(crate) fn is_meant(name: &Path) -> bool {
    name.to_str().is_some_and(Address::is_meant)
}

/// What a path is called where others see it: of an address without what may be secret.
pub(crate) fn shown(name: &Path) -> String {
    let text = name.to_string_lossy();
    match is_meant(name) {
        true => Address::shown(&text),
        false => text.into_owned(),
    }
}

/// The topic's name, if this names one.
pub(crate) fn topic(name: &Path) -> Option<String> {
    let address = is_meant(name).then(|| parse(name).ok()).flatten();
    address.map(|address| address.topic)
}

/// Whether both name one topic, as far as names tell.
pub(crate) fn are_same(left: &Path, right: &Path) -> bool {
    if !is_meant(left) || !is_meant(right) {
        return false;
    }
    match (parse(left), parse(right)) {
        (Ok(left), Ok(right)) => left.is_same_topic(&right),
        _ => false,
    }
}

/// What messages are, by what was said of the inputs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Said<'f> {
    pub(crate) format: Option<InputFormat>,
    pub(crate) csv: &'f CsvFacts,
    /// Whether the first message names the columns: of topics only who runs it knows that, and not the contract.
    pub(crate) header: Option<bool>,
}

/// The topic that `name` names, as an input; from here on `topics` knows of it.
pub(crate) fn source(
    name: &Path,
    said: Said<'_>,
    topics: &Topics,
    cancel: &Cancel,
) -> Result<Box<dyn Source>> {
    let address = parse(name)?;
    let following = topics.state().following.clone();
    let (extent, commits, cancel) = match &following {
        None => (Extent::Bounded, Commits::AtEnd, cancel),
        Some((stop, results)) => {
            let commits = match results {
                Results::OnTheWay => Commits::OnTheWay,
                Results::AtTheEnd => Commits::AtEnd,
            };
            (Extent::Following(stop.clone()), commits, stop)
        }
    };
    let options = SourceOptions {
        name: address.to_string(),
        group: address.group.clone(),
        start: start(&address)?,
        payload: payload(&address, said)?,
        commits,
        extent,
    };
    let cluster = cluster(&address, cancel)?;
    let source = KafkaSource::connect(&cluster, &address.topic, options)?;
    topics.state().sources.push(ReadTopic {
        source: source.handle(),
        name: address.to_string(),
    });
    Ok(Box::new(source))
}

/// The topic that `name` names, as an output of records; from here on `topics` knows of it.
pub(crate) fn sink(name: &Path, topics: &Topics, cancel: &Cancel) -> Result<Box<dyn Sink>> {
    let address = parse_output(name)?;
    let properties = properties(&address)?;
    let cluster = cluster(&address, cancel)?;
    let sink = KafkaSink::connect(&cluster, &address.topic, &address.to_string(), &properties)?;
    topics.state().writers.push(sink.writer());
    Ok(Box::new(sink))
}

/// Whether records are to be CSV as messages and not JSON, where the address says so.
pub(crate) fn says_csv(name: &Path) -> Result<Option<bool>> {
    let payload = parse_output(name)?.payload;
    Ok(payload.map(|payload| payload == PayloadKind::Csv))
}

/// The way out of what went wrong with a topic in the middle of a run.
pub(crate) fn hint(error: &tamis_engine::Error) -> Option<&str> {
    kafka::cause(error)?.hint()
}

/// The exit code of the same.
pub(crate) fn exit(error: &tamis_engine::Error) -> Option<Exit> {
    match kafka::cause(error)? {
        tamis_kafka::Error::Usage { .. } => Some(Exit::Usage),
        tamis_kafka::Error::Cluster { kind, .. } => Some(kafka::exit(*kind)),
        _ => None,
    }
}

fn parse(name: &Path) -> Result<Address> {
    Ok(Address::parse(&name.to_string_lossy())?)
}

/// An address without what is for inputs alone.
fn parse_output(name: &Path) -> Result<Address> {
    let address = parse(name)?;
    let wrong = match (&address.group, &address.from) {
        (Some(_), _) => "group",
        (_, Some(_)) => "from",
        _ => return Ok(address),
    };
    Err(Error::Usage {
        message: format!("`{address}`: `{wrong}` is for inputs, and this is an output"),
        hint: Some("leave it out".to_owned()),
    })
}

fn properties(address: &Address) -> Result<Vec<(String, String)>> {
    let mut properties = kafka::file_properties(address.client_config.as_deref())?;
    properties.extend_from_slice(&address.properties);
    // There are no options for a user here, but the environment may name one.
    let login = LoginOptions::default().properties(&properties, &address.bootstrap)?;
    properties.extend(login);
    Ok(properties)
}

fn cluster(address: &Address, cancel: &Cancel) -> Result<Cluster> {
    let properties = properties(address)?;
    let (brokers, timeout) = (&address.bootstrap, address.timeout);
    Ok(Cluster::new(
        brokers,
        "kafka://",
        &properties,
        timeout,
        cancel,
    )?)
}

fn start(address: &Address) -> Result<Start> {
    let Some(from) = &address.from else {
        return Ok(Start::Beginning);
    };
    let place: Place = from.parse().map_err(|wrong| Error::Usage {
        message: format!("`{address}`: `from`: {wrong}"),
        hint: None,
    })?;
    Ok(place.start())
}

fn payload(address: &Address, said: Said<'_>) -> Result<Payload> {
    use InputFormat as Input;
    let kind = match (address.payload, said.format) {
        (None | Some(PayloadKind::Json), None | Some(Input::Jsonl)) => PayloadKind::Json,
        (None, Some(Input::Csv | Input::Tsv)) | (Some(PayloadKind::Csv), None) => PayloadKind::Csv,
        (Some(PayloadKind::Csv), Some(Input::Csv | Input::Tsv)) => PayloadKind::Csv,
        (Some(_), Some(_)) => {
            return Err(Error::Usage {
                message: format!(
                    "`{address}`: `payload` and `--input-format` contradict each other"
                ),
                hint: Some("one of them will do".to_owned()),
            });
        }
        (None, Some(_)) => {
            return Err(Error::Usage {
                message: format!("`{address}`: messages are JSON objects or CSV records"),
                hint: Some("`--input-format jsonl` or `--input-format csv` says which".to_owned()),
            });
        }
    };
    if kind == PayloadKind::Json {
        return Ok(Payload::Json);
    }
    let base = Dialect {
        delimiter: match said.format {
            Some(Input::Tsv) => b'\t',
            _ => b',',
        },
        ..Dialect::csv()
    };
    let dialect = said.csv.dialect().over(base).checked();
    let dialect = dialect.map_err(|error| Error::Usage {
        message: format!("`{address}`: {error}"),
        hint: None,
    })?;
    Ok(Payload::Csv {
        quoting: dialect.quoting(),
        has_header: said.header.unwrap_or(false),
    })
}

/// The topics of a run. Clones have the same.
#[derive(Clone, Default)]
pub(crate) struct Topics(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    sources: Vec<ReadTopic>,
    writers: Vec<TopicWriter>,
    /// Sources go on until this is set.
    following: Option<(Cancel, Results)>,
    /// Why nothing is to be committed although all may have been read.
    kept: Option<&'static str>,
    /// What is to be said of messages stands in a report.
    is_told: bool,
}

/// A topic that is read, and what it is called.
struct ReadTopic {
    source: KafkaSource,
    name: String,
}

impl std::fmt::Debug for Topics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topics").finish_non_exhaustive()
    }
}

impl Topics {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the sources that are made from here on go on until `stop` is set.
    pub(crate) fn follow(&self, stop: &Cancel, results: Results) {
        self.state().following = Some((stop.clone(), results));
    }

    /// Has the offsets stay where they are: what was read may be more than what came of it.
    pub(crate) fn keep(&self, why: &'static str) {
        self.state().kept = Some(why);
    }

    /// What came of the first so many records of the topic that is followed is written, but for what outputs have still on their way.
    pub(crate) fn written(&self, records: u64) -> Result<()> {
        self.commit(|source| source.commit_records(records))
    }

    /// The same of the records in its first so many bytes.
    pub(crate) fn written_bytes(&self, bytes: u64) -> Result<()> {
        self.commit(|source| source.commit_bytes(bytes))
    }

    fn commit(&self, commit: impl Fn(&KafkaSource) -> tamis_kafka::Result<()>) -> Result<()> {
        let state = self.state();
        for writer in &state.writers {
            writer.flush()?;
        }
        if state.kept.is_some() {
            return Ok(());
        }
        for topic in state
            .sources
            .iter()
            .filter(|it| it.source.group().is_some())
        {
            commit(&topic.source)?;
        }
        Ok(())
    }

    /// What a report says of the topics, which is not said elsewhere then.
    pub(crate) fn notes(&self) -> Vec<Note> {
        let mut state = self.state();
        state.is_told = true;
        let is_kept = state.kept.is_some();
        let sources = state.sources.iter();
        sources.flat_map(|topic| notes(topic, is_kept)).collect()
    }

    /// Commits what was read, now that the verb has ended with `exit`.
    pub(crate) fn settle(&self, exit: Exit, printer: &Printer) -> Result<Exit> {
        if !matches!(exit, Exit::Good | Exit::Bad) {
            return Ok(exit);
        }
        let mut state = self.state();
        let sources = std::mem::take(&mut state.sources);
        for topic in sources {
            if !state.is_told {
                for note in notes(&topic, state.kept.is_some()) {
                    printer.say(&format!("`{}`: {}", topic.name, note.message));
                }
            }
            topic.settle(state.kept, printer)?;
        }
        Ok(exit)
    }
}

impl ReadTopic {
    /// Commits what was read, unless the offsets are to be kept.
    fn settle(&self, kept: Option<&str>, printer: &Printer) -> Result<()> {
        let Some(group) = self.source.group() else {
            return Ok(());
        };
        let name = &self.name;
        let committed = match kept {
            None => self.source.commit()?,
            Some(_) => None,
        };
        match committed {
            Some(committed) if committed.lost > 0 => printer.say(&format!(
                "`{name}`: {} went to other members of the group `{group}`, which read them again",
                text::counted(committed.lost as u64, "partition")
            )),
            Some(_) => {}
            None => printer.say(&format!(
                "`{name}`: no offsets of the group `{group}` are committed: {}",
                kept.unwrap_or("the topic was not read to its end")
            )),
        }
        Ok(())
    }
}

fn notes(topic: &ReadTopic, is_kept: bool) -> Vec<Note> {
    let ReadTopic { source, name } = topic;
    let summary = source.summary();
    let note = |kind, count, message| Note {
        input: Some(name.clone()),
        kind,
        count: Some(count),
        message,
    };
    let are = |count: u64| if count == 1 { "is" } else { "are" };
    let mut notes = Vec::new();
    if summary.empty > 0 {
        let counted = text::counted(summary.empty, "message");
        let message = format!(
            "{counted} without a value {} no records",
            are(summary.empty)
        );
        notes.push(note(NoteKind::Messages, summary.empty, message));
    }
    if summary.changed > 0 {
        let counted = text::counted(summary.changed, "message");
        let message = format!(
            "{counted} with line ends, or without an end, {} read as one record each",
            are(summary.changed)
        );
        notes.push(note(NoteKind::Messages, summary.changed, message));
    }
    if let Some(group) = source.group().filter(|_| summary.is_at_end && !is_kept) {
        let message = format!(
            "offsets of group {group} are committed when the results are written: every record's verdict is written at least once; this process read {} of {}",
            summary.partitions_read,
            text::counted(summary.partitions as u64, "partition"),
        );
        notes.push(note(
            NoteKind::Offsets,
            summary.partitions_read as u64,
            message,
        ));
    }
    notes
}

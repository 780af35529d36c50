//! `tamis consume`: records of topics, written as they come.
//!
//! 1. Without a group the partitions are asked for their offsets, and read from the one place to the other; with a group, the group says
//!    which partitions are ours and where they go on ([`Reading::begin`]).
//! 2. Each record is written to the output, and how far its partition was written noted ([`Ends`]).
//! 3. Whenever nothing more is there at the moment, and once a second otherwise, the output is let go of; only then the group's offsets
//!    are told to be committed. So a record that was committed was written out; one that was written may be read again.

mod ends;
mod format;
pub(in crate::command::kafka) mod place;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use tamis_engine::Error as Engine;
use tamis_engine::sink::Sink;

use super::outcomes::once;
use super::{escapes, shown};
use crate::args::parse_count;
use crate::kafka::Partition;
use crate::kafka::cluster::{Cluster, ClusterOptions};
use crate::kafka::consumer::{Consumer, Event, Fetched};
use crate::kafka::offsets::Moment;
use crate::kafka::topics::Topic;
use crate::printer::Printer;
use crate::{Context, Error, Exit, Result, output};

use ends::{Ends, Verdict};
use format::{Format, Record};
use place::Place;

/// How long a record is waited for before other things are looked at.
const STEP: Duration = Duration::from_millis(100);

/// How long written records may be kept back while more of them come.
const FLUSH_INTERVAL: Duration = Duration::from_secs(1);

/// Read records of topics
///
/// Without options: from the beginning up to what is there when it begins, a value on each line; `--follow` goes on with what comes later
/// (where kcat, rpk and Kafka's own tools do so unless told otherwise). Records of a partition are in order, those of several come as they
/// arrive.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  tamis consume orders
  tamis consume orders --from end --follow
  tamis consume orders --from '2h ago' --format json | jq .value
  tamis consume orders --partition 0 --from 1500 --to 1600 --format '%o %k %v\\n'
  tamis consume orders --group billing --follow

Places (`--from`, `--to`): `beginning`, `end`, an offset, `-N` records before the end, `+N` behind the beginning, `@MS` since 1970, or a \
time: ISO 8601 (`2026-11-20T14:30:00Z`, `2026-11-20`), `14:30`, `2h ago`, `-2h`. Reading stops before the record at `--to`.
Templates: %t topic, %p partition, %o offset, %k key, %K its length, %v value, %V its length (-1 of a tombstone), %h headers, %T \
milliseconds since 1970, %% itself; `\\n`, `\\t` and `\\x1f` are bytes, and no line feed is added.

Exit codes: 0 read; 2 usage, or no such topic; 3 the cluster cannot be reached, or the output not written; 130 interrupted, which \
`--follow` takes for its end (0).")]
pub(crate) struct Options {
    /// Topics
    #[arg(required = true, value_name = "TOPIC")]
    topics: Vec<String>,

    /// Read as a member of this group, from where it is, and commit what was written
    #[arg(long, short, value_name = "GROUP", conflicts_with_all = ["partition", "to"])]
    group: Option<String>,

    /// Where to begin [default: beginning]; with a group, where it has no offset yet: `beginning` or `end`
    #[arg(long, value_name = "PLACE", allow_hyphen_values = true)]
    from: Option<Place>,

    /// Where to stop [default: end, which is what is there when it begins]
    #[arg(
        long,
        value_name = "PLACE",
        allow_hyphen_values = true,
        conflicts_with = "follow"
    )]
    to: Option<Place>,

    /// This partition alone; may be given several times
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(i32).range(0..))]
    partition: Vec<i32>,

    /// Stop after so many records
    #[arg(long, short = 'n', value_name = "N", value_parser = parse_count)]
    count: Option<u64>,

    /// Go on with what comes later, until Ctrl-C
    #[arg(long, short)]
    follow: bool,

    /// How records are written: `value`, `key-value`, `json` (an object each), or a template
    #[arg(long, value_name = "FORMAT", default_value = "value", value_parser = Format::parse)]
    format: Format,

    /// What `key-value` has between the two
    #[arg(long, value_name = "TEXT", default_value = "\\t", value_parser = escapes::parse_separator)]
    separator: Bytes,

    /// Where records are written: a file appears when all are in it
    #[arg(long, short, value_name = "FILE", default_value = "-", value_parser = output::file())]
    output: PathBuf,

    #[command(flatten)]
    cluster: ClusterOptions,
}

/// One value of an option, where clap would take a vector for several.
type Bytes = Vec<u8>;

pub(crate) fn run(options: &Options, context: &Context<'_>) -> Result<Exit> {
    options.validate()?;
    let cluster = Cluster::named(&options.cluster, context)?;
    let mut reading = Reading::begin(options, &cluster)?;
    let mut sink = output::open(&options.output)?;
    let ended = reading.read(sink.as_mut(), &context.printer);
    let is_interrupted = matches!(ended, Err(Error::Engine(Engine::Interrupted)));
    // A file that is not whole does not appear, and nothing of it is committed.
    let is_kept = options.follow || !output::appears_whole(&options.output);
    if is_interrupted && is_kept {
        reading.finish(sink)?;
    } else {
        if ended.is_err() && is_kept {
            // What was read before is not taken back.
            sink.flush()?;
        }
        ended?;
        reading.finish(sink)?;
    }
    let records = shown::counted(reading.written, "record");
    context.printer.say(&records);
    match is_interrupted && !options.follow {
        true => Err(Engine::Interrupted.into()),
        false => Ok(Exit::Good),
    }
}

impl Options {
    fn validate(&self) -> Result<()> {
        let usage = |message: &str, hint: &str| {
            Err(Error::Usage {
                message: message.to_owned(),
                hint: Some(hint.to_owned()),
            })
        };
        let is_simple = matches!(self.from, None | Some(Place::Beginning | Place::End));
        match &self.group {
            Some(name) if name.is_empty() => usage("a group has a name", "leave `--group` out"),
            Some(_) if !is_simple => usage(
                "with `--group`, `--from` is `beginning` or `end`: the group knows where it is",
                "`tamis consumer-group reset` has it go on elsewhere",
            ),
            None if self.from == Some(Place::End) && !self.follow => usage(
                "there is nothing to read behind the end",
                "`--follow` waits for what comes, `--from -10` reads the last ten of each partition",
            ),
            _ if self.count == Some(0) => usage("`--count` is at least 1", "leave it out for all"),
            _ => Ok(()),
        }
    }
}

/// Records on their way from the cluster to the output.
struct Reading<'o> {
    options: &'o Options,
    consumer: Consumer<'o>,
    ends: Ends,
    /// Whether it is known which partitions are ours.
    is_assigned: bool,
    started: Instant,
    flushed: Instant,
    is_dirty: bool,
    /// Whether it was told that the cluster is away.
    is_away: bool,
    written: u64,
    buffer: Vec<u8>,
}

impl<'o> Reading<'o> {
    fn begin(options: &'o Options, cluster: &'o Cluster<'o>) -> Result<Reading<'o>> {
        let names = once(&options.topics);
        let is_late = options.from == Some(Place::End);
        let consumer = match &options.group {
            Some(group) => cluster.member(group, if is_late { "latest" } else { "earliest" })?,
            None => cluster.consumer()?,
        };
        let topics = consumer.topics_named(&names)?;
        let now = Instant::now();
        let mut reading = Reading {
            options,
            consumer,
            ends: Ends::default(),
            is_assigned: false,
            started: now,
            flushed: now,
            is_dirty: false,
            is_away: false,
            written: 0,
            buffer: Vec::new(),
        };
        match options.group {
            Some(_) => reading.consumer.subscribe(&names)?,
            None => reading.assign(&topics)?,
        }
        Ok(reading)
    }

    /// Outside of groups: all partitions that were asked for, from the one place to the other.
    fn assign(&mut self, topics: &[Topic]) -> Result<()> {
        let partitions = self.options.partitions(topics)?;
        let earliest = self.consumer.offsets_at(&partitions, Moment::Earliest)?;
        let latest = self.consumer.offsets_at(&partitions, Moment::Latest)?;
        let at = |place: &Place| -> Result<Vec<i64>> {
            let timed = match place.moment() {
                Some(moment) => Some(self.consumer.offsets_at(&partitions, moment)?),
                None => None,
            };
            let of = |at: usize| {
                let timed = timed.as_ref().map(|timed| timed[at]);
                place.offset(earliest[at], latest[at], timed)
            };
            Ok((0..partitions.len()).map(of).collect())
        };
        let from = at(self.options.from.as_ref().unwrap_or(&Place::Beginning))?;
        let to = at(self.options.to.as_ref().unwrap_or(&Place::End))?;
        let mut starts = Vec::new();
        let mut tracked = Vec::new();
        for (index, partition) in partitions.iter().enumerate() {
            let end = Some(to[index]).filter(|_| !self.options.follow);
            let is_done = end.is_some_and(|end| from[index] >= end);
            if !is_done {
                starts.push((partition.clone(), from[index]));
            }
            tracked.push((partition.clone(), end, is_done));
        }
        self.ends = Ends::new(tracked);
        self.is_assigned = true;
        self.consumer.assign(&starts)
    }

    /// In a group: the partitions that are ours from now on.
    fn reassign(&mut self, partitions: Vec<Partition>) -> Result<()> {
        self.is_assigned = true;
        if self.options.follow || partitions.is_empty() {
            let all = partitions.into_iter().map(|it| (it, None, false));
            self.ends = Ends::new(all);
            return Ok(());
        }
        let latest = self.consumer.offsets_at(&partitions, Moment::Latest)?;
        let earliest = self.consumer.offsets_at(&partitions, Moment::Earliest)?;
        let committed = self.consumer.committed(&partitions)?;
        let is_late = self.options.from == Some(Place::End);
        let tracked = partitions.into_iter().enumerate().map(|(at, partition)| {
            let unset = if is_late { latest[at] } else { earliest[at] };
            let start = committed[at].unwrap_or(unset);
            (partition, Some(latest[at]), start >= latest[at])
        });
        self.ends = Ends::new(tracked);
        Ok(())
    }

    fn read(&mut self, sink: &mut dyn Sink, printer: &Printer) -> Result<()> {
        let mut wait = Duration::ZERO;
        loop {
            if let Some(partitions) = self.consumer.take_assigned() {
                // What was written of the old ones is to be committed under them.
                self.let_go(sink)?;
                self.reassign(partitions)?;
            }
            if self.is_over()? {
                return Ok(());
            }
            wait = match self.consumer.next(wait, self.options.follow)? {
                Event::Record(record) => {
                    let topic = record.topic();
                    let verdict = self.ends.judge(topic, record.partition(), record.offset());
                    if verdict != Verdict::Leave {
                        self.written += 1;
                        self.is_dirty = true;
                        let view = view(&record);
                        let separator = &self.options.separator;
                        self.options
                            .format
                            .write(&view, separator, &mut self.buffer);
                        sink.write_all(&self.buffer)?;
                        self.buffer.clear();
                    }
                    if verdict != Verdict::Write {
                        let topic = topic.to_owned();
                        let id = record.partition();
                        self.consumer.pause(&Partition { topic, id })?;
                    }
                    Duration::ZERO
                }
                Event::End(id) => {
                    if !self.options.follow {
                        self.ends.reach_only(id);
                        self.ends.reach(&self.consumer.positions()?);
                    }
                    Duration::ZERO
                }
                Event::Idle => {
                    self.let_go(sink)?;
                    self.tell_away(printer);
                    STEP
                }
            };
            if self.is_dirty && self.flushed.elapsed() >= FLUSH_INTERVAL {
                self.let_go(sink)?;
            }
        }
    }

    /// Says once that the cluster is away, each time it goes.
    fn tell_away(&mut self, printer: &Printer) {
        let away = self.consumer.away();
        if let Some(why) = away.as_ref().filter(|_| !self.is_away) {
            printer.say(&format!("waiting for the cluster: {}", shown::shown(why)));
        }
        self.is_away = away.is_some();
    }

    fn is_over(&self) -> Result<bool> {
        if self
            .options
            .count
            .is_some_and(|count| self.written >= count)
        {
            return Ok(true);
        }
        if self.options.follow {
            return Ok(false);
        }
        let patience = self.consumer.timeout();
        if !self.is_assigned && self.started.elapsed() >= patience {
            let group = self.options.group.as_deref().unwrap_or_default();
            return Err(Error::Cluster {
                message: format!(
                    "the group `{}` did not let us in within {} s",
                    shown::shown(group),
                    patience.as_secs()
                ),
                hint: Some(
                    "a member that is gone keeps others waiting until its session ends; `--timeout SECONDS` waits longer"
                        .to_owned(),
                ),
                exit: Exit::Failure,
            });
        }
        Ok(self.is_assigned && self.ends.are_reached())
    }

    /// Lets go of what was written, and has the group know of it.
    fn let_go(&mut self, sink: &mut dyn Sink) -> Result<()> {
        self.flushed = Instant::now();
        if !std::mem::take(&mut self.is_dirty) {
            return Ok(());
        }
        sink.flush()?;
        // A file that is not there yet is nothing to rely on.
        if self.options.group.is_some() && !output::appears_whole(&self.options.output) {
            self.consumer.done(&self.ends.take_written());
        }
        match self.consumer.commit_error() {
            Some(why) => Err(Error::Cluster {
                message: format!("cannot commit the group's offsets: {why}"),
                hint: Some("records that were written will be read again".to_owned()),
                exit: Exit::Failure,
            }),
            None => Ok(()),
        }
    }

    fn finish(&mut self, sink: Box<dyn Sink>) -> Result<()> {
        sink.finish()?;
        if self.options.group.is_some() {
            self.consumer.done(&self.ends.take_written());
            self.consumer.commit()?;
        }
        Ok(())
    }
}

impl Options {
    fn partitions(&self, topics: &[Topic]) -> Result<Vec<Partition>> {
        let mut all = Vec::new();
        for topic in topics {
            let is_there = |id: &i32| topic.partitions.iter().any(|it| it.id == *id);
            if let Some(id) = self.partition.iter().find(|id| !is_there(id)) {
                let count = topic.partitions.len();
                return Err(Error::Usage {
                    message: format!(
                        "the topic `{}` has no partition {id}",
                        shown::shown(&topic.name)
                    ),
                    hint: Some(format!("it has {count}, and the first of them is 0")),
                });
            }
            let is_meant = |id| self.partition.is_empty() || self.partition.contains(&id);
            all.extend(topic.all_partitions().filter(|it| is_meant(it.id)));
        }
        Ok(all)
    }
}

fn view<'r>(record: &'r Fetched<'_>) -> Record<'r> {
    Record {
        topic: record.topic(),
        partition: record.partition(),
        offset: record.offset(),
        timestamp_ms: record.timestamp_ms(),
        is_append_time: record.is_append_time(),
        key: record.key(),
        value: record.value(),
        headers: record.headers().collect(),
    }
}

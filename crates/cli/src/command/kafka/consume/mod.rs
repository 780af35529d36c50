//! `tamis consume`: records of topics, written as they come.
//!
//! [`reading`] does the work; `ends` how far it is, `backlog` what a group has still to read, `format`
//! how records are written.

mod backlog;
mod ends;
mod format;
mod reading;

use std::path::PathBuf;

use clap::Args;
use tamis_engine::Error as Engine;

use super::{escapes, shown};
use crate::args::parse_count;
use crate::kafka::ClusterOptions;
use crate::kafka::Partition;
use crate::kafka::topics::Topic;
use crate::{Context, Error, Exit, Result, output};

use crate::kafka::place::Place;
use format::Format;
use reading::Reading;
use tamis_kafka::source::Start;

/// Read records of topics
///
/// Without options: from the beginning up to what is there when it begins, a value on each line; `--follow` goes on with what comes later
/// (where kcat, rpk and Kafka's own tools do so unless told otherwise). One topic is read after the other, with `--follow` all together.
/// Records of a partition are in order, those of several come as they arrive. A member of a group whose other members have all partitions
/// waits until it gets some, or until the group has read what was there.
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

    /// Short for `--format json`
    #[arg(long, conflicts_with = "format")]
    json: bool,

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
    let cluster = options.cluster.cluster(context)?;
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
        let is_simple = matches!(
            self.from,
            None | Some(Place::Known(Start::Beginning | Start::End))
        );
        match &self.group {
            Some(name) if name.is_empty() => usage("a group has a name", "leave `--group` out"),
            Some(_) if !is_simple => usage(
                "with `--group`, `--from` is `beginning` or `end`: the group knows where it is",
                "`tamis consumer-group reset` has it go on elsewhere",
            ),
            None if self.from == Some(Place::END) && !self.follow => usage(
                "there is nothing to read behind the end",
                "`--follow` waits for what comes, `--from -10` reads the last ten of each partition",
            ),
            _ if self.count == Some(0) => usage("`--count` is at least 1", "leave it out for all"),
            _ => Ok(()),
        }
    }
}

impl Options {
    /// How records are written.
    fn format(&self) -> &Format {
        const JSON: &Format = &Format::Json;
        if self.json { JSON } else { &self.format }
    }

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

//! The settings of a topic, by Kafka's names.
//!
//! A setting that Kafka has and this broker does not act on is refused, unless the value asked for is the one that holds anyway:
//! nobody is to believe that something is in force that is not.
//!
//! Those whose names begin with `tamis.` are about the contract of a topic (`gate/`), and the broker has none of them.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde::{Deserialize, Serialize};

use crate::gate::{self, BadContract};
use crate::log::{Cleanup, LogConfig, Ratio, Visibility};

/// What the values of a setting are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number, at least this and at most that.
    Number(i64, i64),
    /// A part of a whole, from 0 to 1.
    Ratio,
    /// `true` or `false`.
    Bool,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// Some of these, at least one, with commas between them.
    List(&'static [&'static str]),
    /// Any text; none is the same as not to set it.
    Text,
    /// A contract, as text or packed.
    Contract,
    /// What the broker counts: nobody sets it.
    Count,
}

/// A setting that a topic may have.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// Kafka's name of it, or Redpanda's where Kafka has none, or ours where nobody has one.
    pub name: &'static str,
    /// Its values.
    pub kind: Kind,
    /// What it is for.
    pub doc: &'static str,
    read: fn(&LogConfig) -> String,
    write: fn(&mut LogConfig, Value<'_>),
}

/// A value that was checked.
#[derive(Clone, Copy, Debug)]
enum Value<'v> {
    Number(i64),
    Ratio(Ratio),
    Bool(bool),
    Word(&'v str),
}

/// Why a setting was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSetting {
    /// There is none of this name.
    #[error("there is no topic setting `{0}`{hint}", hint = hint(.0))]
    Unknown(String),
    /// The value is none of those it may have.
    #[error("`{name}` cannot be `{value}`, but {expected}")]
    Value {
        /// The setting.
        name: &'static str,
        /// What was asked for.
        value: String,
        /// What can be asked for.
        expected: String,
    },
    /// The broker counts it.
    #[error("`{name}` is counted by the broker: it is {held} and cannot be set to `{value}`")]
    Counted {
        /// The setting.
        name: &'static str,
        /// What it is.
        held: String,
        /// What was asked for.
        value: String,
    },
    /// The value is longer than any that means something.
    #[error("`{name}` cannot have {len_bytes} bytes, but {VALUE_BYTES_MAX} at most")]
    Long {
        /// The setting.
        name: &'static str,
        /// Bytes of what was asked for.
        len_bytes: usize,
    },
    /// The contract cannot be one of a topic, or not of this one.
    #[error(transparent)]
    Contract(#[from] BadContract),
    /// To its value nothing can be added, and nothing taken away.
    #[error("`{0}` is no list: it can be set, or deleted to give it its default")]
    NoList(&'static str),
    /// Two that contradict each other.
    #[error(
        "`min.compaction.lag.ms` cannot be {min}, more than the {max} of `max.compaction.lag.ms`"
    )]
    Lags {
        /// Until then nothing is compacted.
        min: i64,
        /// From then on it is.
        max: i64,
    },
}

/// All settings, by name.
pub const KNOWN: &[Known] = &[
    Known {
        name: "cleanup.policy",
        kind: Kind::List(&["delete", "compact"]),
        doc: "what becomes of old records: they are deleted, or all but the last of their key",
        read: |config| {
            match config.cleanup {
                Cleanup::Delete => "delete",
                Cleanup::Compact => "compact",
                Cleanup::CompactAndDelete => "compact,delete",
            }
            .to_owned()
        },
        write: |config, value| {
            let has = |word| list_words(value.word()).any(|it| it == word);
            config.cleanup = match (has("compact"), has("delete")) {
                (true, true) => Cleanup::CompactAndDelete,
                (true, false) => Cleanup::Compact,
                (false, _) => Cleanup::Delete,
            };
        },
    },
    Known {
        name: "compression.type",
        kind: Kind::OneOf(&["producer"]),
        doc: "batches are kept as producers compressed them",
        read: |_| "producer".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "delete.retention.ms",
        kind: Kind::Number(0, i64::MAX),
        doc: "for how long a record without a value is kept once its topic was compacted, in milliseconds",
        read: |config| config.delete_retention_ms.to_string(),
        write: |config, value| config.delete_retention_ms = value.number(),
    },
    Known {
        name: "file.delete.delay.ms",
        kind: Kind::Number(0, i64::MAX),
        doc: "for whom it is kept: files are removed at once, and whoever reads one reads on",
        read: |config| config.file_delete_delay_ms.to_string(),
        write: |config, value| config.file_delete_delay_ms = value.number(),
    },
    Known {
        name: "flush.messages",
        kind: Kind::Number(1, i64::MAX),
        doc: "once so many records are not on stable storage they are put there before anybody is answered",
        read: |config| config.flush_messages.to_string(),
        write: |config, value| config.flush_messages = value.number(),
    },
    Known {
        name: "flush.ms",
        kind: Kind::Number(0, i64::MAX),
        doc: "after how many milliseconds at most what nobody waits for is on stable storage",
        read: |config| config.flush_ms.to_string(),
        write: |config, value| config.flush_ms = value.number(),
    },
    Known {
        name: "index.interval.bytes",
        kind: Kind::Number(4096, 4096),
        doc: "bytes between two entries of an index",
        read: |_| "4096".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "max.compaction.lag.ms",
        kind: Kind::Number(1, i64::MAX),
        doc: "after how many milliseconds at most a record is looked at when its topic is compacted",
        read: |config| config.max_compaction_lag_ms.to_string(),
        write: |config, value| config.max_compaction_lag_ms = value.number(),
    },
    Known {
        name: "max.message.bytes",
        kind: Kind::Number(61, i32::MAX as i64),
        doc: "the largest batch taken, in bytes",
        read: |config| config.max_message_bytes.to_string(),
        write: |config, value| config.max_message_bytes = value.number() as usize,
    },
    Known {
        name: "message.timestamp.after.max.ms",
        kind: Kind::Number(i64::MAX, i64::MAX),
        doc: "records may be of any time later than that of the broker",
        read: |_| i64::MAX.to_string(),
        write: |_, _| (),
    },
    Known {
        name: "message.timestamp.before.max.ms",
        kind: Kind::Number(i64::MAX, i64::MAX),
        doc: "records may be of any time earlier than that of the broker",
        read: |_| i64::MAX.to_string(),
        write: |_, _| (),
    },
    Known {
        name: "message.timestamp.type",
        kind: Kind::OneOf(&["CreateTime", "LogAppendTime"]),
        doc: "whether records keep the time their producer gave them",
        read: |config| match config.is_log_append_time {
            true => "LogAppendTime".to_owned(),
            false => "CreateTime".to_owned(),
        },
        write: |config, value| config.is_log_append_time = value.word() == "LogAppendTime",
    },
    Known {
        name: "min.cleanable.dirty.ratio",
        kind: Kind::Ratio,
        doc: "a partition is compacted when more than this part of it was not yet",
        read: |config| config.min_cleanable_dirty_ratio.to_string(),
        write: |config, value| config.min_cleanable_dirty_ratio = value.ratio(),
    },
    Known {
        name: "min.compaction.lag.ms",
        kind: Kind::Number(0, i64::MAX),
        doc: "for how many milliseconds at least a record is kept whatever comes behind it",
        read: |config| config.min_compaction_lag_ms.to_string(),
        write: |config, value| config.min_compaction_lag_ms = value.number(),
    },
    Known {
        name: "min.insync.replicas",
        kind: Kind::Number(1, 1),
        doc: "there is one replica",
        read: |_| "1".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "retention.bytes",
        kind: Kind::Number(-1, i64::MAX),
        doc: "bytes of a partition that are kept at least; -1: any number",
        read: |config| limit(config.retention_bytes.map(|it| it as i64)),
        write: |config, value| config.retention_bytes = u64::try_from(value.number()).ok(),
    },
    Known {
        name: "retention.ms",
        kind: Kind::Number(-1, i64::MAX),
        doc: "for how long records are kept, in milliseconds; -1: for ever",
        read: |config| limit(config.retention_ms),
        write: |config, value| config.retention_ms = Some(value.number()).filter(|it| *it >= 0),
    },
    Known {
        name: "segment.bytes",
        kind: Kind::Number(1 << 10, i32::MAX as i64),
        doc: "how long a file of a partition becomes, in bytes",
        read: |config| config.segment_bytes.to_string(),
        write: |config, value| config.segment_bytes = value.number() as u64,
    },
    Known {
        name: "segment.jitter.ms",
        kind: Kind::Number(0, 0),
        doc: "files are sealed when they are old enough, and not earlier",
        read: |_| "0".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "segment.ms",
        kind: Kind::Number(1, i64::MAX),
        doc: "for how long a file of a partition takes records, in milliseconds",
        read: |config| config.segment_ms.to_string(),
        write: |config, value| config.segment_ms = value.number(),
    },
    Known {
        name: "tamis.contract",
        kind: Kind::Contract,
        doc: "what records are held against: the text of a contract (ODCS), or `zstd:` and the text packed, in base64",
        read: |_| String::new(),
        write: |_, _| (),
    },
    Known {
        name: "tamis.contract.object",
        kind: Kind::Text,
        doc: "which object of the contract; the only one if it is not said, or that with the name of the topic",
        read: |_| String::new(),
        write: |_, _| (),
    },
    Known {
        name: "tamis.contract.revision",
        kind: Kind::Count,
        doc: "how often it was changed what the records of the topic are held against",
        read: |_| "0".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "tamis.dry.run",
        kind: Kind::Bool,
        doc: "whether records are checked and counted, and stored as they came",
        read: |_| "false".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "tamis.on.invalid",
        kind: Kind::OneOf(&["reject", "dead-letter", "tag", "off"]),
        doc: "what becomes of records that break the contract",
        read: |_| gate::OFF.to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "tamis.payload",
        kind: Kind::OneOf(&["json", "csv"]),
        doc: "how the values of records are written",
        read: |_| "json".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "unclean.leader.election.enable",
        kind: Kind::OneOf(&["false"]),
        doc: "there is one replica, so no other takes over",
        read: |_| "false".to_owned(),
        write: |_, _| (),
    },
    Known {
        name: "write.caching",
        kind: Kind::Bool,
        doc: "whether records count as written before they are on stable storage",
        read: |config| (config.visibility == Visibility::Written).to_string(),
        write: |config, value| {
            config.visibility = match value.bool() {
                true => Visibility::Written,
                false => Visibility::Durable,
            };
        },
    },
];

/// What a value has at most that is no contract: strings of old requests and answers end at 32,767 bytes, and errors repeat what was wrong.
const VALUE_BYTES_MAX: usize = 1000;

/// A count of nothing.
const NEVER: &str = "0";

/// What becomes of a word in a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It is added, if it is not there.
    Append,
    /// It is taken away, if it is there.
    Subtract,
}

/// What a topic sets itself: names and values, all of which are known and valid.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    try_from = "BTreeMap<String, String>",
    into = "BTreeMap<String, String>"
)]
pub struct Settings(BTreeMap<&'static str, String>);

impl Settings {
    /// Sets one of them.
    ///
    /// # Errors
    /// [`BadSetting`].
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), BadSetting> {
        let known = find(name)?;
        known.check(value)?;
        match known.kind {
            Kind::Count => return self.check_count(known, value),
            Kind::Contract => return self.set_contract(known.name, value),
            Kind::Text if value.trim().is_empty() => self.0.remove(known.name),
            _ => self.0.insert(known.name, value.trim().to_owned()),
        };
        Ok(())
    }

    /// A client may write back what it has read.
    fn check_count(&self, known: &Known, value: &str) -> Result<(), BadSetting> {
        let held = self.value(known.name).unwrap_or(NEVER);
        match held == value.trim() {
            true => Ok(()),
            false => Err(BadSetting::Counted {
                name: known.name,
                held: held.to_owned(),
                value: value.to_owned(),
            }),
        }
    }

    fn set_contract(&mut self, name: &'static str, value: &str) -> Result<(), BadSetting> {
        match gate::held(value)? {
            None => self.0.remove(name),
            Some(value) => self.0.insert(name, value),
        };
        Ok(())
    }

    /// Gives one of them back to the broker's defaults.
    ///
    /// # Errors
    /// [`BadSetting::Unknown`].
    pub fn unset(&mut self, name: &str) -> Result<(), BadSetting> {
        let known = find(name)?;
        if known.kind != Kind::Count {
            self.0.remove(known.name);
        }
        Ok(())
    }

    /// Settings of which nothing is set: what the broker counts is as it was.
    #[must_use]
    pub fn cleared(&self) -> Settings {
        let mut cleared = Settings::default();
        let count = self.0.get_key_value(gate::REVISION);
        cleared
            .0
            .extend(count.map(|(name, value)| (*name, value.clone())));
        cleared
    }

    /// Settles what follows from others, once all are set that take the place of `before`: what is the same as not to set it goes, and
    /// another contract is another revision.
    pub(crate) fn settle(&mut self, before: &Settings) {
        // The same text may be packed in another way.
        if let (Some(new), Some(old)) = (self.value(gate::CONTRACT), before.value(gate::CONTRACT))
            && gate::is_same_text(new, old)
        {
            let old = old.to_owned();
            self.0.insert(gate::CONTRACT, old);
        }
        let has_contract = self.value(gate::CONTRACT).is_some();
        // Without a contract nothing else would be off, and with the next one it is to be in force.
        if !has_contract && self.value(gate::ON_INVALID).map(str::trim) == Some(gate::OFF) {
            self.0.remove(gate::ON_INVALID);
        }
        if has_contract && self.is_held_against_other(before) {
            let counted = before.value(gate::REVISION).and_then(|it| it.parse().ok());
            let revision = counted.unwrap_or(0_u64).saturating_add(1);
            self.0.insert(gate::REVISION, revision.to_string());
        }
    }

    /// Whether records are held against something else than by `before`.
    pub(crate) fn is_held_against_other(&self, before: &Settings) -> bool {
        let payload = |it: &Settings| it.value(gate::PAYLOAD).map_or("json", str::trim) == "json";
        let what = [gate::CONTRACT, gate::OBJECT];
        payload(self) != payload(before) || what.iter().any(|it| self.value(it) != before.value(it))
    }

    /// What holds of a setting that is not set, where that depends on others.
    pub(crate) fn default_value(&self, known: &Known) -> Option<&'static str> {
        let is_mode = known.name == gate::ON_INVALID;
        (is_mode && self.value(gate::CONTRACT).is_some()).then_some(gate::REJECT)
    }

    /// Adds a word to a list, or takes one from it; what it is now stands in `config`.
    ///
    /// # Errors
    /// [`BadSetting`].
    pub fn edit(
        &mut self,
        name: &str,
        config: &LogConfig,
        edit: Edit,
        value: &str,
    ) -> Result<(), BadSetting> {
        let known = find(name)?;
        if !matches!(known.kind, Kind::List(_)) {
            return Err(BadSetting::NoList(known.name));
        }
        let now = known.value(config);
        let mut words: Vec<&str> = list_words(&now).collect();
        for word in list_words(value) {
            words.retain(|it| *it != word);
            if edit == Edit::Append {
                words.push(word);
            }
        }
        self.set(known.name, &words.join(","))
    }

    /// Whether those that depend on each other agree. To be asked once all are set.
    ///
    /// # Errors
    /// [`BadSetting::Lags`].
    pub fn check(&self) -> Result<(), BadSetting> {
        let config = self.apply(&LogConfig::default());
        let (min, max) = (config.min_compaction_lag_ms, config.max_compaction_lag_ms);
        match min <= max {
            true => Ok(()),
            false => Err(BadSetting::Lags { min, max }),
        }
    }

    /// The value that the topic sets itself.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The settings in force: these, and the defaults for the others.
    pub fn apply(&self, defaults: &LogConfig) -> LogConfig {
        let mut config = defaults.clone();
        for known in KNOWN {
            if let Some(value) = self.0.get(known.name)
                && let Ok(value) = known.check(value)
            {
                (known.write)(&mut config, value);
            }
        }
        config
    }
}

impl Known {
    /// The value in force.
    pub fn value(&self, config: &LogConfig) -> String {
        (self.read)(config)
    }

    /// Whether it is about the contract of a topic, of which the broker has none.
    pub(crate) fn is_of_gate(&self) -> bool {
        self.name.starts_with("tamis.")
    }

    /// What it is called as a setting of the broker, which holds for all topics that do not set it.
    pub fn broker_name(&self) -> String {
        match self.name {
            name if self.is_of_gate() => name.to_owned(),
            "compression.type"
            | "min.insync.replicas"
            | "unclean.leader.election.enable"
            | "write.caching" => self.name.to_owned(),
            "delete.retention.ms" | "max.compaction.lag.ms" | "min.compaction.lag.ms" => {
                format!("log.cleaner.{}", self.name)
            }
            "min.cleanable.dirty.ratio" => "log.cleaner.min.cleanable.ratio".to_owned(),
            "file.delete.delay.ms" => "log.segment.delete.delay.ms".to_owned(),
            "flush.messages" => "log.flush.interval.messages".to_owned(),
            "flush.ms" => "log.flush.interval.ms".to_owned(),
            "max.message.bytes" => "message.max.bytes".to_owned(),
            "segment.jitter.ms" => "log.roll.jitter.ms".to_owned(),
            "segment.ms" => "log.roll.ms".to_owned(),
            name => format!("log.{name}"),
        }
    }

    fn check<'v>(&self, value: &'v str) -> Result<Value<'v>, BadSetting> {
        let len_bytes = value.trim().len();
        if self.kind != Kind::Contract && len_bytes > VALUE_BYTES_MAX {
            let name = self.name;
            return Err(BadSetting::Long { name, len_bytes });
        }
        let checked = match self.kind {
            Kind::Number(min, max) => {
                let number = value.trim().parse().ok();
                let number = number.filter(|it| (min..=max).contains(it));
                number.map(Value::Number)
            }
            Kind::Ratio => value.trim().parse().ok().map(Value::Ratio),
            Kind::Bool => value.trim().parse().ok().map(Value::Bool),
            Kind::OneOf(words) => words
                .contains(&value.trim())
                .then_some(Value::Word(value.trim())),
            Kind::List(words) => {
                let is_taken = list_words(value).all(|it| words.contains(&it));
                let is_empty = list_words(value).next().is_none();
                (is_taken && !is_empty).then_some(Value::Word(value.trim()))
            }
            Kind::Text | Kind::Contract | Kind::Count => Some(Value::Word(value)),
        };
        checked.ok_or_else(|| BadSetting::Value {
            name: self.name,
            value: value.to_owned(),
            expected: self.expected(),
        })
    }

    fn expected(&self) -> String {
        match self.kind {
            Kind::Number(min, max) if min == max => format!("is always {min}"),
            Kind::Number(min, i64::MAX) => format!("a whole number from {min} on"),
            Kind::Number(min, max) => format!("a whole number from {min} to {max}"),
            Kind::Ratio => "a number from 0 to 1".to_owned(),
            Kind::Bool => "`true` or `false`".to_owned(),
            Kind::Text | Kind::Contract | Kind::Count => "any text".to_owned(),
            Kind::OneOf(words) | Kind::List(words) => {
                let mut text = String::new();
                for (index, word) in words.iter().enumerate() {
                    let comma = if index > 0 { " or " } else { "" };
                    write!(text, "{comma}`{word}`").expect("text takes all");
                }
                text
            }
        }
    }
}

impl Value<'_> {
    fn number(self) -> i64 {
        match self {
            Value::Number(number) => number,
            _ => unreachable!("a setting of another kind was checked"),
        }
    }

    fn ratio(self) -> Ratio {
        match self {
            Value::Ratio(ratio) => ratio,
            _ => unreachable!("a setting of another kind was checked"),
        }
    }

    fn bool(self) -> bool {
        match self {
            Value::Bool(value) => value,
            _ => unreachable!("a setting of another kind was checked"),
        }
    }

    fn word(&self) -> &str {
        match self {
            Value::Word(word) => word,
            _ => unreachable!("a setting of another kind was checked"),
        }
    }
}

/// What was settled before: a contract that this version cannot read is the matter of its topic's gate.
impl TryFrom<BTreeMap<String, String>> for Settings {
    type Error = BadSetting;

    fn try_from(values: BTreeMap<String, String>) -> Result<Settings, BadSetting> {
        let mut settings = Settings::default();
        for (name, value) in values {
            let known = find(&name)?;
            known.check(&value)?;
            settings.0.insert(known.name, value);
        }
        settings.check()?;
        Ok(settings)
    }
}

impl From<Settings> for BTreeMap<String, String> {
    fn from(settings: Settings) -> BTreeMap<String, String> {
        let named = settings.0.into_iter();
        named
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

fn find(name: &str) -> Result<&'static Known, BadSetting> {
    let known = KNOWN.iter().find(|it| it.name == name);
    known.ok_or_else(|| BadSetting::Unknown(name.to_owned()))
}

fn hint(name: &str) -> String {
    let names = KNOWN.iter().map(|it| it.name);
    let near = tamis_engine::suggest::nearest(name, names);
    near.map_or_else(String::new, |it| format!(", did you mean `{it}`?"))
}

/// The words of a list.
fn list_words(value: &str) -> impl Iterator<Item = &str> {
    let words = value.split(',').map(str::trim);
    words.filter(|it| !it.is_empty())
}

/// A limit as Kafka writes it.
fn limit(value: Option<i64>) -> String {
    value.unwrap_or(-1).to_string()
}

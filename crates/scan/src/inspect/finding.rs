//! What is found out about a file: the same shape for all kinds, in Rust and as JSON.

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use super::InspectOptions;
use super::kind::Kind;

/// Version of the shape of [`Inspection`] as JSON.
pub const SCHEMA_VERSION: u32 = 1;

/// What the headers of one file say.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Inspection {
    /// The input's name.
    pub file: String,
    /// Its size, after unpacking; not known of a stream that was not read to its end because it is of no known kind.
    pub bytes: Option<u64>,
    /// `gzip`, `zstd` or `lz4`, if that is what the file is and this is about what is in it.
    pub packed: Option<&'static str>,
    /// What it is.
    pub kind: Option<Kind>,
    /// Width and height in pixels.
    pub dimensions: Option<Dimensions>,
    /// How long it plays.
    pub duration_seconds: Option<f64>,
    /// What else its headers say.
    pub facts: Facts,
    /// What it is made of, in the order it was found.
    pub parts: Listed,
    /// What it contains: files, sections, tracks. `None` for kinds that contain nothing with a name.
    pub entries: Option<Listed>,
    /// Where it is not what it should be. All above was found before.
    pub damage: Option<Damage>,
}

/// Width and height in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Dimensions {
    /// Pixels in a row.
    pub width: u64,
    /// Rows.
    pub height: u64,
}

/// A piece of a file: a chunk, a box, a file in an archive.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    /// What it is called.
    pub name: String,
    /// Its first byte.
    pub offset: u64,
    /// Its size in the file.
    pub bytes: u64,
    /// What else is known of it.
    #[serde(skip_serializing_if = "Facts::is_empty")]
    pub facts: Facts,
}

impl Part {
    pub(super) fn new(name: impl Into<String>, offset: u64, bytes: u64) -> Part {
        Part {
            name: name.into(),
            offset,
            bytes,
            facts: Facts::default(),
        }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<Value>) -> Part {
        self.facts.add(name, value);
        self
    }
}

/// Parts, all counted, and as many kept as were wanted.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Listed {
    /// How many there are.
    pub count: u64,
    /// The first of them.
    pub listed: Vec<Part>,
    /// So many are kept at most.
    #[serde(skip)]
    limit: u64,
}

impl Listed {
    fn up_to(limit: u64) -> Listed {
        Listed {
            limit,
            ..Listed::default()
        }
    }

    pub(super) fn add(&mut self, part: Part) {
        if self.has_room() {
            self.listed.push(part);
        }
        self.count += 1;
    }

    /// Whether the next part would be kept: what only it needs is not read otherwise.
    pub(super) fn has_room(&self) -> bool {
        self.count < self.limit
    }
}

/// Names and values, in the order they were found. In JSON a name has underscores for spaces.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Facts(pub Vec<(&'static str, Value)>);

impl Facts {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn add(&mut self, name: &'static str, value: impl Into<Value>) {
        self.0.push((name, value.into()));
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let found = self.0.iter().find(|(key, _)| *key == name);
        found.map(|(_, value)| value)
    }
}

impl Serialize for Facts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(&name.replace(' ', "_"), value)?;
        }
        map.end()
    }
}

/// A value of a header.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Value {
    /// How many, how large, which number.
    Count(u64),
    /// A number that is no count.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// A name.
    Text(String),
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Count(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Value {
        Value::Count(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Value {
        Value::Count(value.into())
    }
}

impl From<u8> for Value {
    fn from(value: u8) -> Value {
        Value::Count(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Number(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Flag(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Value {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Value {
        Value::Text(value)
    }
}

/// Where a file is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("at byte {byte_offset}: expected {expected}, found {found}")]
pub struct Damage {
    /// The byte where something else was expected.
    pub byte_offset: u64,
    /// What should be there.
    pub expected: String,
    /// What is there.
    pub found: String,
}

impl Inspection {
    /// Nothing is known yet.
    pub(super) fn new(file: &str, options: &InspectOptions) -> Inspection {
        Inspection {
            file: file.to_owned(),
            bytes: None,
            packed: None,
            kind: None,
            dimensions: None,
            duration_seconds: None,
            facts: Facts::default(),
            parts: Listed::up_to(options.parts_max),
            entries: Some(Listed::up_to(options.entries_max)),
            damage: None,
        }
    }

    /// The same, or an error if the file is damaged.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged).
    pub fn sound(self) -> crate::Result<Inspection> {
        match (self.kind, self.damage) {
            (Some(kind), Some(damage)) => Err(crate::Error::Damaged {
                input: self.file,
                kind: kind.description(),
                damage,
            }),
            (_, damage) => Ok(Inspection { damage, ..self }),
        }
    }

    pub(super) fn fact(&mut self, name: &'static str, value: impl Into<Value>) {
        self.facts.add(name, value);
    }

    pub(super) fn part(&mut self, name: impl Into<String>, offset: u64, bytes: u64) {
        self.parts.add(Part::new(name, offset, bytes));
    }

    pub(super) fn entry(&mut self, part: Part) {
        self.entries.get_or_insert_default().add(part);
    }

    /// Whether the next entry would be kept.
    pub(super) fn wants_entry(&self) -> bool {
        self.entries.as_ref().is_some_and(Listed::has_room)
    }

    /// Notes what a file of no known kind begins with.
    pub(super) fn begins_with(&mut self, head: &[u8]) {
        self.entries = None;
        if !head.is_empty() {
            let head = &head[..head.len().min(super::kind::MAGIC_BYTES)];
            self.fact("begins with", head.escape_ascii().to_string());
        }
    }

    pub(super) fn size_in_pixels(&mut self, width: impl Into<u64>, height: impl Into<u64>) {
        let (width, height) = (width.into(), height.into());
        self.dimensions = Some(Dimensions { width, height });
    }
}

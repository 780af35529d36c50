//! What must be said of a stream of Protobuf messages before it can be read: nothing in it tells.
//!
//! Reading them takes the cargo feature `protobuf`; these options are there without it.

use std::path::PathBuf;

use tamis_engine::pipeline::{CHUNK_BYTES_DEFAULT, RECORD_BYTES_MAX_DEFAULT};

use crate::Error;

/// What streams of messages are, and how they are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MessageOptions {
    /// The type of the messages.
    pub schema: SchemaOptions,
    /// How they are told apart.
    pub framing: Framing,
    /// About how much of a stream one thread takes at a time.
    pub unit_bytes: usize,
    /// A message longer than this is an error.
    pub record_bytes_max: usize,
}

impl MessageOptions {
    /// Messages with their lengths in front, as varints.
    pub fn new(schema: SchemaOptions) -> MessageOptions {
        MessageOptions {
            schema,
            framing: Framing::Varint,
            unit_bytes: CHUNK_BYTES_DEFAULT,
            record_bytes_max: RECORD_BYTES_MAX_DEFAULT,
        }
    }

    /// Reads the schema, to see that it can be used.
    ///
    /// # Errors
    /// [`Error::Schema`], or [`Error::NotBuiltIn`] where this build reads no messages.
    pub fn validate(&self) -> Result<(), Error> {
        #[cfg(feature = "protobuf")]
        return crate::protobuf::validate(&self.schema);
        #[cfg(not(feature = "protobuf"))]
        return Err(Error::NotBuiltIn {
            format: crate::sniff::Format::Protobuf,
            feature: "protobuf",
        });
    }
}

/// Where a schema comes from, and which of its messages is meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaOptions {
    /// The file.
    pub file: SchemaFile,
    /// The message's name, with its package or without; `None`: the only one that is not part of another.
    pub message: Option<String>,
}

/// A file with the description of messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SchemaFile {
    /// A `.proto` file.
    Proto {
        /// The file.
        path: PathBuf,
        /// Where its imports are looked for, beside its own folder; those of `google/protobuf` are known.
        includes: Vec<PathBuf>,
    },
    /// What `protoc --descriptor_set_out` writes, imports included.
    DescriptorSet {
        /// The file.
        path: PathBuf,
    },
}

/// How messages are told apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// The length as a varint.
    #[default]
    Varint,
    /// The length as four bytes, the highest first.
    FourBytes,
    /// A zero byte (not compressed), then the length as four bytes, the highest first.
    Grpc,
    /// The length as a varint, then the header of Confluent's schema registry: a zero byte, four bytes of a schema's
    /// number, and which message of the schema this is.
    Confluent,
}

impl Framing {
    /// All of them, by name.
    pub const NAMED: [(&'static str, Framing); 4] = [
        ("varint", Framing::Varint),
        ("four-bytes", Framing::FourBytes),
        ("grpc", Framing::Grpc),
        ("confluent", Framing::Confluent),
    ];
}

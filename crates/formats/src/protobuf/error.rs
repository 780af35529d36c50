//! Why there is no schema, or a stream of messages cannot be read on.

use std::path::PathBuf;

/// A schema cannot be used, or a stream is no stream of messages.
///
/// A message that cannot be read is a [`Fault`](crate::Fault), a result; but where the next message starts is known from
/// the length of this one alone, so that a broken length ends the run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A schema file cannot be read.
    #[error("cannot read `{}`: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A schema file is no `.proto` file, or what it imports is not there.
    #[error("{message}")]
    Compile {
        /// The file and what the compiler said.
        message: String,
    },
    /// A file is no descriptor set.
    #[error(
        "`{}` is no descriptor set: {message} (`protoc --include_imports --descriptor_set_out FILE` writes one)",
        .path.display()
    )]
    DescriptorSet {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// A schema that describes no message.
    #[error("`{}` describes no message", .path.display())]
    NoMessages {
        /// The file.
        path: PathBuf,
    },
    /// There is no message of this name.
    #[error("`{}` has no message `{name}`: it has {}", .path.display(), list(.known))]
    UnknownMessage {
        /// The file.
        path: PathBuf,
        /// The name that was asked for.
        name: String,
        /// The messages there are.
        known: Vec<String>,
    },
    /// Nobody said which message the stream consists of.
    #[error(
        "`{}` has {} messages: say which one the input consists of with `--message NAME`: {}",
        .path.display(), .known.len(), list(.known)
    )]
    WhichMessage {
        /// The file.
        path: PathBuf,
        /// The messages there are.
        known: Vec<String>,
    },
    /// The input ends before a message does.
    #[error(
        "byte {byte_offset}: the message here should have {expected_bytes} bytes, and the input ends after {found_bytes}"
    )]
    Truncated {
        /// First byte of the message's length.
        byte_offset: u64,
        /// What the length says, itself included; as far as it goes, if it is cut itself.
        expected_bytes: u64,
        /// How many there are.
        found_bytes: u64,
    },
    /// What should be the length of a message is none.
    #[error(
        "byte {byte_offset}: expected {expected}: is the input a {framing} stream of messages?"
    )]
    Length {
        /// Where it stands.
        byte_offset: u64,
        /// What a length looks like.
        expected: &'static str,
        /// How messages are told apart.
        framing: &'static str,
    },
    /// A message is longer than the limit, if its length is to be believed.
    #[error(
        "byte {byte_offset}: a message of {len_bytes} bytes is longer than {limit_bytes} (is the input a {framing} stream of messages? `--max-record` raises the limit)"
    )]
    TooLong {
        /// First byte of the message's length.
        byte_offset: u64,
        /// What the length says.
        len_bytes: u64,
        /// The limit.
        limit_bytes: u64,
        /// How messages are told apart.
        framing: &'static str,
    },
}

/// The most names that an error lists.
const LISTED_MAX: usize = 20;

fn list(names: &[String]) -> String {
    let mut shown: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    if shown.len() > LISTED_MAX {
        let more = shown.len() - LISTED_MAX;
        shown.truncate(LISTED_MAX);
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

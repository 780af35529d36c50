//! Why a broker could not do what was asked.

use std::io;
use std::path::{Path, PathBuf};

use tamis_engine::disk;
use tamis_engine::names::show;

use crate::batch::{BadBatch, BadKeys, TooLong};
use crate::tls::CertificateFault;

/// Why a broker could not start, or a log not be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused something that was done to a file.
    #[error("cannot {action} `{}`: {source}", show(.path))]
    Io {
        /// What was tried: `read`, `write`, `rename`, ...
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the data folder is not what was once written.
    #[error("`{}` is damaged at byte {byte_offset}: {detail}", show(.path))]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the damage was noticed.
        byte_offset: u64,
        /// What is wrong there.
        detail: String,
    },
    /// What was to be appended is no batch.
    #[error(transparent)]
    BadBatch(#[from] BadBatch),
    /// What was to be appended to a compacted topic has no keys, or nobody can say whether it has.
    #[error(transparent)]
    BadKeys(#[from] BadKeys),
    /// What is asked for is in a batch of which more would have to be unpacked than may be.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// A partition is not there any more.
    #[error("`{}` is gone: its topic was deleted", show(.path))]
    Deleted {
        /// The folder it had.
        path: PathBuf,
    },
    /// A partition takes nothing more, since nobody knows what of it is on the disk.
    #[error("`{}` takes nothing more: making it durable failed before", show(.path))]
    Poisoned {
        /// The folder of the partition.
        path: PathBuf,
    },
    /// An offset that the log does not have.
    #[error("offset {offset} is not in the log, which has {start} to {end}")]
    OffsetOutOfRange {
        /// What was asked for.
        offset: i64,
        /// The first there is.
        start: i64,
        /// Behind the last there is.
        end: i64,
    },
    /// A batch that is larger than the topic takes.
    #[error("a batch of {found} bytes, the topic takes {limit}")]
    TooLarge {
        /// Bytes of the batch.
        found: usize,
        /// `max.message.bytes` of the topic, and room for headers if it is one with them.
        limit: usize,
    },
    /// A topic that is there already.
    #[error("topic `{0}` exists already")]
    TopicExists(String),
    /// A topic that is not there.
    #[error("there is no topic `{0}`")]
    UnknownTopic(String),
    /// A number of partitions that a topic cannot be given.
    #[error(
        "topic `{name}` has {now} partitions and cannot have {asked}: it can be given more, up to {max}",
        max = crate::topics::PARTITIONS_MAX
    )]
    Growth {
        /// The topic.
        name: String,
        /// How many it has.
        now: usize,
        /// How many it was to have.
        asked: usize,
    },
    /// What a topic cannot be called.
    #[error(transparent)]
    BadName(#[from] crate::topics::BadName),
    /// What a topic cannot be set to.
    #[error(transparent)]
    BadSetting(#[from] crate::topics::BadSetting),
    /// What a batch was made into cannot be packed.
    #[error("cannot pack records: {source}")]
    Pack {
        /// What the codec said.
        source: io::Error,
    },
    /// Dead letters cannot be kept, so nothing is taken of what they came with.
    #[error("dead letters cannot be put into topic `{topic}`: {source}")]
    DeadLetters {
        /// Their topic.
        topic: String,
        /// Why not.
        source: Box<Error>,
    },
    /// The id of a producer that this broker did not hand out: its dead letters could not be told from those of others.
    #[error("producer id {0} was not handed out by this broker")]
    ForeignProducer(i64),
    /// The data folder is served by another process.
    #[error("`{}` is in use: another process serves it", show(.path))]
    InUse {
        /// The data folder.
        path: PathBuf,
    },
    /// An address at which it is not possible to listen.
    #[error("cannot listen at `{address}`: {source}")]
    Listen {
        /// The address.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// An address that other machines reach, though nobody said that they may.
    #[error(
        "`{address}` is an address that other machines reach, and nobody is asked there who he is"
    )]
    Exposed {
        /// The address.
        address: String,
    },
    /// What a user cannot be called.
    #[error("`{}` cannot be the name of a user: {reason}", .name.escape_debug())]
    BadUser {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// What cannot be a password. It is not told here.
    #[error("this cannot be a password: {reason}")]
    BadPassword {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of grants that cannot be read.
    #[error("`{}` line {line}, column {column}: {detail}", show(.path))]
    Grants {
        /// The file.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The character in it, from 1.
        column: usize,
        /// What is wrong there.
        detail: String,
    },
    /// Grants for users, where nobody is asked who he is.
    #[error("there is a file of grants, and clients are not asked who they are")]
    GrantsForNobody,
    /// A file that TLS is set up with is no good.
    #[error("`{}` {fault}", show(.path))]
    Certificate {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: CertificateFault,
    },
    /// An address at which TLS is to be spoken, without a certificate.
    #[error("`{address}` is to be served by TLS, and there is no certificate")]
    NoCertificate {
        /// The address.
        address: String,
    },
    /// A certificate was given to a build that cannot use it.
    #[error("this build cannot speak TLS: it was made without the Cargo feature `tls`")]
    WithoutTls,
    /// Partitions were to be flushed through a ring, in a build that cannot.
    #[error(
        "this build cannot flush by `io_uring`: it was made without the Cargo feature `io-uring`"
    )]
    WithoutRing,
    /// Partitions were to be flushed through a ring, and the system does not let us have one.
    #[error("cannot flush by `io_uring`, which the system refuses: {source}")]
    Ring {
        /// What the system said.
        source: io::Error,
    },
    /// The broker was closed: its folder may be somebody else's.
    #[error("the broker was closed")]
    Closed,
    /// A thread of the broker ended by itself, which is a mistake of ours.
    #[error("a thread of the broker ended by itself")]
    Ended,
    /// What a producer that numbers its records did wrong.
    #[error(transparent)]
    Sequence(#[from] crate::log::BadSequence),
}

impl From<disk::Error> for Error {
    fn from(error: disk::Error) -> Error {
        match error {
            disk::Error::Io {
                action,
                path,
                source,
            } => Error::Io {
                action,
                path,
                source,
            },
            disk::Error::Poisoned { path } => Error::Poisoned { path },
        }
    }
}

impl Error {
    /// Makes an error of what the system said, for `map_err`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io {
            action,
            path: path.to_owned(),
            source,
        }
    }
}

//! TLS: which certificate a broker shows, and what became of handshakes.
//!
//! | file | holds |
//! |---|---|
//! | `files.rs` | where certificate and key are, and what can be wrong with them |
//! | `handshakes.rs` | how many there were, and why some failed |
//! | `with_rustls/` | all that knows rustls, in builds with the feature `tls` |
//! | `without.rs` | what stands for it in other builds: nobody can have it |
//!
//! Sockets do not need to know how bytes are sealed: what [`Tls::accept`] returns is read and written as any other stream.

mod files;
#[cfg_attr(
    not(any(feature = "tls", test)),
    expect(dead_code, reason = "nobody has a handshake in a build without it")
)]
mod handshakes;

#[cfg_attr(feature = "tls", path = "with_rustls/mod.rs")]
#[cfg_attr(not(feature = "tls"), path = "without.rs")]
mod backend;

pub(crate) use backend::{Tls, TlsStream};
pub use files::{CertificateFault, TlsFiles};
#[cfg(feature = "tls")]
pub(crate) use handshakes::Reason;
pub(crate) use handshakes::{Counts, Failed, REASONS};

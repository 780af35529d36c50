//! The files that TLS is set up with.

use std::io;
use std::path::PathBuf;

use tamis_engine::names::show;

/// A certificate, its key, and whose certificates clients are to show; all of them files of PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsFiles {
    /// The certificate, and behind it those that lead to one that clients trust.
    pub certificate: PathBuf,
    /// The key of the certificate, which nobody has encrypted.
    pub key: PathBuf,
    /// Clients have to show a certificate that one of those in this file signed.
    pub client_ca: Option<PathBuf>,
}

impl TlsFiles {
    /// A certificate with its key; clients need none.
    pub fn new(certificate: impl Into<PathBuf>, key: impl Into<PathBuf>) -> TlsFiles {
        TlsFiles {
            certificate: certificate.into(),
            key: key.into(),
            client_ca: None,
        }
    }
}

/// What is wrong with a file that TLS is set up with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateFault {
    /// The system does not let us read it, or it is not there.
    #[error("cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is larger than any certificate is.
    #[error("has more than {0} bytes")]
    TooLarge(u64),
    /// It is no PEM.
    #[error("is not PEM: {0}")]
    NotPem(String),
    /// There is no certificate in it.
    #[error("has no certificate")]
    NoCertificate,
    /// There is no key in it.
    #[error("has no private key")]
    NoKey,
    /// The key in it is behind a password.
    #[error("has a key that is encrypted")]
    EncryptedKey,
    /// The key in it is that of another certificate.
    #[error("has a key that does not belong to the certificate in `{}`", show(.certificate))]
    OtherKey {
        /// Where the certificate is.
        certificate: PathBuf,
    },
    /// What is in it cannot be used.
    #[error("cannot be used: {0}")]
    Unusable(String),
}

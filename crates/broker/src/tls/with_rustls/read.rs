//! Files of PEM, made into what rustls takes.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier, danger::ClientCertVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig};

use super::super::{CertificateFault, TlsFiles};
use super::Loaded;
use super::validity::Validity;
use crate::{Error, Result};

/// No file of certificates is larger; all that systems trust together are a quarter of it.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// Reads all of them.
pub(super) fn load(files: &TlsFiles) -> Result<Loaded> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let chain = of(&files.certificate, certificates)?;
    let validity = of(&files.certificate, |_| {
        // There is a first one, since there are some.
        chain
            .first()
            .map_or(Err(CertificateFault::NoCertificate), validity)
    })?;
    let certified = of(&files.key, |path| {
        certified_key(path, &files.certificate, chain, &provider)
    })?;
    let verifier = match &files.client_ca {
        Some(path) => of(path, |path| verifier(path, &provider))?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| fault(&files.certificate, unusable(&error)))?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
    if files.client_ca.is_some() {
        // Who takes up a session shows no certificate: one that has expired since would still do.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    Ok(Loaded {
        config: Arc::new(config),
        validity,
    })
}

/// What a file gives, or what is wrong with it.
fn of<T>(path: &Path, read: impl FnOnce(&Path) -> Result<T, CertificateFault>) -> Result<T> {
    read(path).map_err(|it| fault(path, it))
}

fn fault(path: &Path, fault: CertificateFault) -> Error {
    Error::Certificate {
        path: path.to_owned(),
        fault,
    }
}

fn unusable(error: &impl std::fmt::Display) -> CertificateFault {
    CertificateFault::Unusable(error.to_string())
}

fn bytes(path: &Path) -> Result<Vec<u8>, CertificateFault> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(CertificateFault::Unreadable)?;
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    read.map_err(CertificateFault::Unreadable)?;
    match bytes.len() as u64 > FILE_BYTES_MAX {
        true => Err(CertificateFault::TooLarge(FILE_BYTES_MAX)),
        false => Ok(bytes),
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, CertificateFault> {
    let bytes = bytes(path)?;
    let found: Result<Vec<_>, pem::Error> = CertificateDer::pem_slice_iter(&bytes).collect();
    let found = found.map_err(|error| CertificateFault::NotPem(error.to_string()))?;
    match found.is_empty() {
        true => Err(CertificateFault::NoCertificate),
        false => Ok(found),
    }
}

fn validity(certificate: &CertificateDer<'_>) -> Result<Validity, CertificateFault> {
    let message = "it does not say in the usual way from when to when it is valid";
    Validity::of(certificate).ok_or_else(|| CertificateFault::Unusable(message.to_owned()))
}

fn certified_key(
    path: &Path,
    certificate: &Path,
    chain: Vec<CertificateDer<'static>>,
    provider: &CryptoProvider,
) -> Result<CertifiedKey, CertificateFault> {
    let bytes = bytes(path)?;
    // In the label of PKCS #8, and in a line of its own in older files (RFC 1421, `Proc-Type: 4,ENCRYPTED`).
    if bytes.windows(9).any(|it| it == b"ENCRYPTED") {
        return Err(CertificateFault::EncryptedKey);
    }
    let key = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => CertificateFault::NoKey,
        error => CertificateFault::NotPem(error.to_string()),
    })?;
    CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => CertificateFault::OtherKey {
            certificate: certificate.to_owned(),
        },
        error => unusable(&error),
    })
}

/// Takes clients whose certificates one of those in the file signed.
fn verifier(
    path: &Path,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<dyn ClientCertVerifier>, CertificateFault> {
    let mut roots = RootCertStore::empty();
    for certificate in certificates(path)? {
        roots.add(certificate).map_err(|error| unusable(&error))?;
    }
    let roots = Arc::new(roots);
    let built = WebPkiClientVerifier::builder_with_provider(roots, provider.clone()).build();
    built.map_err(|error| unusable(&error))
}

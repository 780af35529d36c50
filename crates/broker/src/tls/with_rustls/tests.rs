//! Files that are no good are named with what is wrong with them, and a good one is taken later.

use std::fs;
use std::path::Path;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::Error;
use crate::tls::CertificateFault;

/// Certificate and key, as PEM.
fn made() -> (String, String) {
    let key = KeyPair::generate().expect("a key");
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).expect("a name");
    let certificate = parameters.self_signed(&key).expect("a certificate");
    (certificate.pem(), key.serialize_pem())
}

fn files(folder: &TempDir, certificate: &str, key: &str) -> TlsFiles {
    let path = |name: &str| folder.path().join(name);
    fs::write(path("certificate.pem"), certificate).expect("it is written");
    fs::write(path("key.pem"), key).expect("it is written");
    TlsFiles::new(path("certificate.pem"), path("key.pem"))
}

/// The file that is no good, and why.
fn fault(files: &TlsFiles) -> (String, CertificateFault) {
    let Err(Error::Certificate { path, fault }) = Tls::load(files) else {
        panic!("it is good");
    };
    let name = path.file_name().map(Path::new).expect("a name");
    (name.display().to_string(), fault)
}

#[test]
fn what_is_wrong_with_a_file_is_told() {
    use CertificateFault as Fault;
    let folder = TempDir::new().expect("a folder");
    let (certificate, key) = made();
    let good = files(&folder, &certificate, &key);
    assert!(Tls::load(&good).is_ok());

    let missing = TlsFiles::new(folder.path().join("missing.pem"), &good.key);
    assert!(matches!(fault(&missing), (name, Fault::Unreadable(_)) if name == "missing.pem"));
    let swapped = TlsFiles::new(&good.key, &good.certificate);
    assert!(matches!(fault(&swapped), (name, Fault::NoCertificate) if name == "key.pem"));
    let twice = TlsFiles::new(&good.certificate, &good.certificate);
    assert!(matches!(fault(&twice), (name, Fault::NoKey) if name == "certificate.pem"));

    let cut = &certificate[..certificate.len() - 10];
    let cut = fault(&files(&folder, cut, &key));
    assert!(matches!(cut, (name, Fault::NotPem(_)) if name == "certificate.pem"));
    let other = fault(&files(&folder, &certificate, &made().1));
    assert!(matches!(other, (name, Fault::OtherKey { .. }) if name == "key.pem"));
    let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
    let encrypted = fault(&files(&folder, &certificate, &encrypted));
    assert!(matches!(encrypted, (name, Fault::EncryptedKey) if name == "key.pem"));
    let large = "#".repeat(1 + (1 << 20));
    let large = fault(&files(&folder, &large, &key));
    assert!(matches!(large, (_, Fault::TooLarge(_))));

    let with_authority = TlsFiles {
        client_ca: Some(good.key.clone()),
        ..files(&folder, &certificate, &key)
    };
    let no_authority = fault(&with_authority);
    assert!(matches!(no_authority, (name, Fault::NoCertificate) if name == "key.pem"));
}

#[test]
fn a_chain_with_anything_in_it_is_an_error_and_no_panic() {
    let folder = TempDir::new().expect("a folder");
    let (_, key) = made();
    for body in ["", "MA==", "MAA=", "MIIBAA==", "MIL/////"] {
        let certificate =
            format!("-----BEGIN CERTIFICATE-----\n{body}\n-----END CERTIFICATE-----\n");
        let (name, fault) = fault(&files(&folder, &certificate, &key));
        assert_eq!(name, "certificate.pem", "{body}: {fault}");
    }
}

#[test]
fn a_new_certificate_is_taken_and_a_bad_one_is_not() {
    let folder = TempDir::new().expect("a folder");
    let (certificate, key) = made();
    let tls = Tls::load(&files(&folder, &certificate, &key)).expect("it is good");
    let config = || tls.0.current.load().config.clone();
    let counted = || {
        let load = |it: &std::sync::atomic::AtomicU64| it.load(Ordering::Relaxed);
        (load(&tls.counts().renewed), load(&tls.counts().not_renewed))
    };
    let first = config();
    tls.renew();
    assert!(Arc::ptr_eq(&first, &config()), "nothing has changed");

    // The key comes behind its certificate, and somebody looks in between.
    let (certificate, key) = made();
    fs::write(folder.path().join("certificate.pem"), certificate).expect("it is written");
    tls.renew();
    tls.renew();
    assert!(Arc::ptr_eq(&first, &config()), "the old one stays");
    assert_eq!(counted(), (0, 1));
    fs::write(folder.path().join("key.pem"), format!("{key}\n")).expect("it is written");
    tls.renew();
    assert!(!Arc::ptr_eq(&first, &config()));
    assert_eq!(counted(), (1, 1));
}

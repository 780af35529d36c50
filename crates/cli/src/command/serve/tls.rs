//! What `tamis serve` says and hears of TLS.

use tamis_broker::{CertificateFault, TlsFiles};

use crate::config::Serve;

/// What is wrong with the options; nothing, as a rule.
pub(super) fn wrong(settings: &Serve) -> Option<&'static str> {
    if settings.tls_cert.is_empty() != settings.tls_key.is_empty() {
        return Some("`--tls-cert` and `--tls-key` belong together");
    }
    let is_alone = settings.tls_cert.is_empty() && !settings.tls_client_ca.is_empty();
    is_alone.then_some("`--tls-client-ca` needs `--tls-cert` and `--tls-key`")
}

/// What the options name; `None`: there is to be no TLS.
pub(super) fn files(settings: &Serve) -> Option<TlsFiles> {
    if settings.tls_cert.is_empty() {
        return None;
    }
    let mut files = TlsFiles::new(&settings.tls_cert, &settings.tls_key);
    let authority = &settings.tls_client_ca;
    files.client_ca = (!authority.is_empty()).then(|| authority.into());
    Some(files)
}

/// What stands behind the addresses `all` when some or all of them are served by TLS.
pub(super) fn told(all: &str, by_tls: &str) -> String {
    match by_tls {
        "" => String::new(),
        _ if by_tls == all => " by TLS".to_owned(),
        _ => format!(" (by TLS to {by_tls})"),
    }
}

/// What to do about a file of TLS.
pub(super) fn hint(fault: &CertificateFault) -> Option<&'static str> {
    use CertificateFault as Fault;
    match fault {
        Fault::Unreadable(_) | Fault::TooLarge(_) => {
            Some("`--tls-cert`, `--tls-key` and `--tls-client-ca` name files of PEM")
        }
        Fault::NotPem(_) | Fault::NoCertificate => Some(
            "certificates are between lines `-----BEGIN CERTIFICATE-----` and `-----END CERTIFICATE-----`; `openssl x509 -inform der -in FILE` makes such text of the other form",
        ),
        Fault::NoKey => Some(
            "keys are between lines such as `-----BEGIN PRIVATE KEY-----` and `-----END PRIVATE KEY-----`",
        ),
        Fault::EncryptedKey => {
            Some("`openssl pkey -in FILE -out PLAIN` asks for its password and writes it without")
        }
        Fault::OtherKey { .. } => {
            Some("`--tls-cert` and `--tls-key` name the two files that were made together")
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(cert: &str, key: &str, client_ca: &str) -> Serve {
        Serve {
            tls_cert: cert.to_owned(),
            tls_key: key.to_owned(),
            tls_client_ca: client_ca.to_owned(),
            ..Serve::default()
        }
    }

    #[test]
    fn a_certificate_has_its_key() {
        for (cert, key, client_ca) in [("a", "", ""), ("", "b", ""), ("", "", "c"), ("", "b", "c")]
        {
            let settings = settings(cert, key, client_ca);
            assert!(wrong(&settings).is_some(), "{settings:?}");
        }
        for (cert, key, client_ca) in [("", "", ""), ("a", "b", ""), ("a", "b", "c")] {
            let settings = settings(cert, key, client_ca);
            assert_eq!(wrong(&settings), None);
            let files = files(&settings);
            assert_eq!(files.is_some(), !cert.is_empty());
            let authority = files.and_then(|it| it.client_ca);
            assert_eq!(authority.is_some(), !client_ca.is_empty());
        }
    }

    #[test]
    fn where_tls_is_spoken_is_told() {
        assert_eq!(told("a:1,b:2", ""), "");
        assert_eq!(told("a:1,b:2", "a:1,b:2"), " by TLS");
        assert_eq!(told("a:1,b:2", "b:2"), " (by TLS to b:2)");
    }
}

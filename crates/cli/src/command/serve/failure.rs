//! Why a broker does not start, or not end in order: exit codes, and ways out.

use std::path::Path;

use super::tls;
use crate::{Error, Exit};

/// What a broker with this data folder could not do, with the exit code and the way out.
pub(super) fn of(error: tamis_broker::Error, data: &Path) -> Error {
    use std::io::ErrorKind;
    use tamis_broker::Error as Broken;
    let (exit, hint) = match &error {
        Broken::Exposed { .. } => (
            Exit::Usage,
            Some(
                "`--auth` lets in users alone, `--tls-client-ca FILE` who has a certificate, `--insecure` everybody; `127.0.0.1` is reached from this machine alone",
            ),
        ),
        Broken::Certificate { fault, .. } => (Exit::Usage, tls::hint(fault)),
        Broken::NoCertificate { .. } => (
            Exit::Usage,
            Some("`--tls-cert FILE` and `--tls-key FILE` name a certificate and its key"),
        ),
        Broken::WithoutTls => (
            Exit::Usage,
            Some("build with the Cargo feature `tls`, which is on by default"),
        ),
        Broken::InUse { .. } => (Exit::Locked, Some("`--data DIR` names another folder")),
        Broken::Listen { source, .. } => (
            match source.kind() {
                ErrorKind::InvalidInput => Exit::Usage,
                _ => Exit::Failure,
            },
            match source.kind() {
                ErrorKind::AddrInUse => Some(
                    "another process listens there: `--listen HOST:PORT` and `--http HOST:PORT` name another port, `--http none` goes without",
                ),
                ErrorKind::PermissionDenied => Some("ports below 1024 are for root alone"),
                _ => Some("an address is HOST:PORT, such as `127.0.0.1:9092` or `[::1]:9092`"),
            },
        ),
        Broken::Io { path, .. } if !path.starts_with(data) && !data.starts_with(path) => (
            Exit::Failure,
            Some("`--users FILE` and `--grants FILE` name files that may be read"),
        ),
        Broken::Io { source, .. } if is_of_folder(source.kind()) => (
            Exit::Failure,
            Some("`--data DIR` names a folder that may be written"),
        ),
        Broken::WithoutRing => (
            Exit::Usage,
            Some(
                "`--flush threads` does it without; `cargo build --release --features io-uring` builds one that can",
            ),
        ),
        Broken::Ring { .. } => (
            Exit::Failure,
            Some("`--flush threads` does it without; many containers forbid `io_uring`"),
        ),
        Broken::Damaged { .. } => (
            Exit::Bad,
            Some("put a copy of the file back; docs/broker-format.md says what it holds"),
        ),
        Broken::Grants { .. } => (Exit::Usage, Some("docs/broker.md says what stands in it")),
        Broken::GrantsForNobody => (
            Exit::Usage,
            Some("`--auth` asks them, and `tamis user add` adds users"),
        ),
        _ => (Exit::Failure, None),
    };
    Error::Serve {
        source: Box::new(error),
        hint,
        exit,
    }
}

/// Whether there can be no data where it was to be.
fn is_of_folder(kind: std::io::ErrorKind) -> bool {
    use std::io::ErrorKind as Kind;
    matches!(
        kind,
        Kind::PermissionDenied
            | Kind::ReadOnlyFilesystem
            | Kind::AlreadyExists
            | Kind::NotADirectory
            | Kind::NotFound
    )
}

#[cfg(test)]
mod tests {
    use std::io::{Error as Cause, ErrorKind};

    use super::*;

    fn hint(path: &str, kind: ErrorKind) -> Option<&'static str> {
        let error = tamis_broker::Error::Io {
            action: "open",
            path: path.into(),
            source: Cause::from(kind),
        };
        match of(error, "here/data".as_ref()) {
            Error::Serve { hint, .. } => hint,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn the_way_out_is_that_of_the_file() {
        let kind = ErrorKind::PermissionDenied;
        for path in ["here/data/users.json", "here/data", "here"] {
            assert!(hint(path, kind).is_some_and(|it| it.contains("`--data DIR`")));
        }
        assert!(hint("here/grants.toml", kind).is_some_and(|it| it.contains("`--grants FILE`")));
        assert_eq!(hint("here/data/topics", ErrorKind::StorageFull), None);
    }
}

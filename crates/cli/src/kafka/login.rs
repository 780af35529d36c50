//! Who a client says it is: a user and a password, as properties of the client.
//!
//! Passwords are no arguments: others can read those. They come from a file or from the environment, and by PLAIN they are sent as they
//! are only where nobody else can read them, unless `security.protocol` says that this is meant.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::PossibleValuesParser;
use tamis_engine::names;

use crate::{Error, Result, password};

/// Name the user and the password where no option does.
const USER_VARIABLE: &str = "TAMIS_USER";
const PASSWORD_VARIABLE: &str = "TAMIS_PASSWORD";

const PLAIN: &str = "PLAIN";
const MECHANISMS: [&str; 3] = [PLAIN, "SCRAM-SHA-256", "SCRAM-SHA-512"];

/// What librdkafka can do without OpenSSL.
const MECHANISM_DEFAULT: &str = match cfg!(feature = "kafka-tls") {
    true => "SCRAM-SHA-512",
    false => PLAIN,
};

/// Who the client is.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct LoginOptions {
    /// The user to log in as; the password is in `--password-file`, or in the variable TAMIS_PASSWORD [default: the variable TAMIS_USER,
    /// else nobody]
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// A file whose only line is the user's password
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,

    /// How the client logs in [default: SCRAM-SHA-512 in builds with the feature `kafka-tls`, else PLAIN]
    #[arg(long, value_name = "HOW", value_parser = PossibleValuesParser::new(MECHANISMS))]
    mechanism: Option<String>,
}

type Properties = Vec<(String, String)>;

impl LoginOptions {
    /// The properties that say so, beside those that were `given` by their own names, which count more; `bootstrap` is where the client
    /// connects.
    pub(crate) fn properties(
        &self,
        given: &[(String, String)],
        bootstrap: &str,
    ) -> Result<Properties> {
        let variable = |name| std::env::var_os(name).filter(|it| !it.is_empty());
        self.made(given, bootstrap, variable)
    }

    fn made(
        &self,
        given: &[(String, String)],
        bootstrap: &str,
        variable: impl Fn(&'static str) -> Option<OsString>,
    ) -> Result<Properties> {
        let found = |name: &str| {
            let found = given.iter().rev().find(|(it, _)| it == name);
            found.map(|(_, value)| value.as_str())
        };
        let is_given = found("sasl.username").is_some();
        let user = match &self.user {
            Some(user) => user.clone(),
            None if is_given => return Ok(Vec::new()),
            None => match variable(USER_VARIABLE) {
                Some(user) => text(USER_VARIABLE, user)?,
                None => return self.without_user(),
            },
        };
        let mechanism = self.mechanism.as_deref();
        let mechanism = mechanism
            .or(found("sasl.mechanism"))
            .or(found("sasl.mechanisms"));
        let mechanism = mechanism.unwrap_or(MECHANISM_DEFAULT);
        check_build(mechanism)?;
        let protocol = match found("security.protocol").map(str::to_lowercase) {
            Some(protocol) if protocol.starts_with("sasl_") => protocol,
            Some(protocol) if protocol == "ssl" => "sasl_ssl".to_owned(),
            _ => {
                check_plain(mechanism, bootstrap)?;
                "sasl_plaintext".to_owned()
            }
        };
        let password = match (&self.password_file, variable(PASSWORD_VARIABLE)) {
            (Some(path), _) => read_password(path)?,
            (None, Some(password)) => text(PASSWORD_VARIABLE, password)?,
            (None, None) => {
                let name = names::show_bytes(user.as_bytes());
                return Err(usage(
                    format!("there is no password for the user `{name}`"),
                    "`--password-file FILE` names a file whose only line it is, or the variable `TAMIS_PASSWORD` has it",
                ));
            }
        };
        let property = |name: &str, value: String| (name.to_owned(), value);
        Ok(vec![
            property("security.protocol", protocol),
            property("sasl.mechanism", mechanism.to_owned()),
            property("sasl.username", user),
            property("sasl.password", password),
        ])
    }

    /// Nobody is named, so the others make no sense.
    fn without_user(&self) -> Result<Properties> {
        match self.password_file.is_some() || self.mechanism.is_some() {
            true => Err(usage(
                "`--password-file` and `--mechanism` are for a user".to_owned(),
                "`--user NAME` names the user",
            )),
            false => Ok(Vec::new()),
        }
    }
}

/// Whether this build can log in so.
fn check_build(mechanism: &str) -> Result<()> {
    match mechanism.starts_with("SCRAM") && cfg!(not(feature = "kafka-tls")) {
        true => Err(usage(
            format!("this build cannot log in by {mechanism}"),
            "`--mechanism PLAIN` it can; the others need a build with the Cargo feature `kafka-tls`",
        )),
        false => Ok(()),
    }
}

/// Whether a password may be sent there as it is.
fn check_plain(mechanism: &str, bootstrap: &str) -> Result<()> {
    let is_elsewhere = bootstrap.split(',').find(|it| !is_here(it.trim()));
    match is_elsewhere {
        Some(address) if mechanism == PLAIN => Err(usage(
            format!(
                "the password would cross the network to `{}` as it is",
                names::show_bytes(address.trim().as_bytes())
            ),
            "the property `security.protocol=ssl` encrypts the connection, `--mechanism SCRAM-SHA-512` does not send the password, `security.protocol=sasl_plaintext` says that this is meant; properties are given with `-X`, in a file, or behind the `?` of an address",
        )),
        _ => Ok(()),
    }
}

/// Whether it is an address of this machine.
fn is_here(address: &str) -> bool {
    let address = address.rsplit_once("://").map_or(address, |(_, it)| it);
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let parsed = host.parse::<std::net::IpAddr>();
    host == "localhost" || parsed.is_ok_and(|it| it.to_canonical().is_loopback())
}

fn text(variable: &str, value: OsString) -> Result<String> {
    value.into_string().map_err(|_| {
        usage(
            format!("the variable `{variable}` is no UTF-8"),
            "names and passwords are texts",
        )
    })
}

fn read_password(path: &Path) -> Result<String> {
    let line = password::of_file(path)?;
    match line.is_empty() {
        true => Err(usage(
            format!("`{}` is empty", names::show(path)),
            "its only line is to be the password",
        )),
        false => Ok(line),
    }
}

fn usage(message: String, hint: &str) -> Error {
    Error::Usage {
        message,
        hint: Some(hint.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "localhost:9092,[::1]:1";

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }

    fn plain(user: &str) -> LoginOptions {
        LoginOptions {
            user: Some(user.to_owned()),
            mechanism: Some(PLAIN.to_owned()),
            ..LoginOptions::default()
        }
    }

    fn password(name: &'static str) -> Option<OsString> {
        (name == PASSWORD_VARIABLE).then(|| "secret".into())
    }

    #[test]
    fn a_user_is_named_by_an_option_or_the_environment() {
        let made = plain("ann").made(&[], HERE, password).expect("it is whole");
        let expected = [
            pair("security.protocol", "sasl_plaintext"),
            pair("sasl.mechanism", "PLAIN"),
            pair("sasl.username", "ann"),
            pair("sasl.password", "secret"),
        ];
        assert_eq!(made, expected);
        let nobody = LoginOptions::default();
        assert_eq!(nobody.made(&[], HERE, password).expect("nobody"), []);
        let all = |name| Some(OsString::from(name));
        let given = [
            pair("security.protocol", "SSL"),
            pair("sasl.mechanism", "PLAIN"),
        ];
        let made = nobody.made(&given, "far.test:1", all).expect("it is whole");
        assert_eq!(made[0].1, "sasl_ssl");
        assert_eq!(made[2].1, USER_VARIABLE);
        let given = [pair("sasl.username", "bob")];
        assert_eq!(nobody.made(&given, HERE, all).expect("it is given"), []);
    }

    #[test]
    fn what_is_missing_or_cannot_be_is_told() {
        let message = |made: Result<Properties>| made.expect_err("it cannot be").to_string();
        let without = plain("ann").made(&[], HERE, |_| None);
        assert_eq!(message(without), "there is no password for the user `ann`");
        let far = plain("ann").made(&[], "localhost:1, far.test:9092", password);
        assert!(message(far).contains("far.test:9092"));
        let meant = [pair("security.protocol", "sasl_plaintext")];
        let meant = plain("ann").made(&meant, "far.test:9092", password);
        assert_eq!(meant.expect("it is meant").len(), 4);
        let nobody = LoginOptions {
            mechanism: Some(PLAIN.to_owned()),
            ..LoginOptions::default()
        };
        message(nobody.made(&[], HERE, |_| None));
        let scram = LoginOptions {
            mechanism: Some("SCRAM-SHA-256".to_owned()),
            ..plain("ann")
        };
        let made = scram.made(&[], "far.test:9092", password);
        assert_eq!(made.is_ok(), cfg!(feature = "kafka-tls"));
    }

    #[test]
    fn an_empty_file_is_no_password() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("password");
        for (text, password) in [("a b\n", Some("a b")), ("\n", None), ("", None)] {
            std::fs::write(&path, text).expect("it is written");
            assert_eq!(read_password(&path).ok().as_deref(), password);
        }
    }
}

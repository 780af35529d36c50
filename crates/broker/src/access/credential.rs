//! What is kept of a password: enough to see whether somebody has it, and nothing that could stand in for it.
//!
//! A credential of SCRAM (RFC 5802 section 3) has a salt, the number of iterations, and two keys that are derived from the password. Who
//! reads it can look for the password by trying, at the cost of the iterations for each try, and can pretend to be the broker; he
//! cannot log in with it.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;

use super::hash::{Hash, random};

/// Iterations of the credentials of a new file of users: the most that Kafka's own tools set, so that all its clients are known to take it. More would be better
/// against who has the file, but clients do the same work at each connection.
pub(super) const ITERATIONS: u32 = 16_384;

/// RFC 7677 section 4 asks for so many at least, and Kafka's client for Java refuses fewer; more than a million is a mistake.
const ITERATIONS_ALLOWED: std::ops::RangeInclusive<u32> = 4096..=1_000_000;

/// Bytes of a new salt.
pub(super) const SALT_BYTES: usize = 16;

/// A salt is no longer.
const SALT_BYTES_MAX: usize = 256;

/// What a password is checked against.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credential {
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    pub(super) stored_key: Vec<u8>,
    pub(super) server_key: Vec<u8>,
}

impl Credential {
    /// Of a new password.
    pub(super) fn new(hash: Hash, password: &[u8], iterations: u32) -> Credential {
        Credential::derive(hash, password, &random::<SALT_BYTES>(), iterations)
    }

    /// Of a password and what it is stretched with.
    pub(super) fn derive(hash: Hash, password: &[u8], salt: &[u8], iterations: u32) -> Credential {
        let salted = hash.stretch(password, salt, iterations);
        let client_key = hash.hmac(&salted, b"Client Key");
        Credential {
            salt: salt.to_vec(),
            iterations,
            stored_key: hash.digest(&client_key),
            server_key: hash.hmac(&salted, b"Server Key"),
        }
    }

    /// One that no password has, and always the same for a name: who asks for a user that is not there sees no difference.
    pub(super) fn of_nobody(hash: Hash, secret: &[u8], iterations: u32, name: &str) -> Credential {
        let of = |what: &str| hash.hmac(secret, format!("{what} {name}").as_bytes());
        let mut salt = of("salt");
        salt.truncate(SALT_BYTES);
        Credential {
            salt,
            iterations,
            stored_key: of("stored key"),
            server_key: of("server key"),
        }
    }

    /// Whether it is of this password. It takes as long either way.
    pub(super) fn is_of(&self, hash: Hash, password: &[u8]) -> bool {
        let other = Credential::derive(hash, password, &self.salt, self.iterations);
        self.stored_key.ct_eq(&other.stored_key).into()
    }
}

impl fmt::Debug for Credential {
    /// Without what a password could be looked for with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Credential");
        shown.field("iterations", &self.iterations);
        shown.finish_non_exhaustive()
    }
}

/// What is wrong with a number of iterations, if something is.
pub(super) fn check_iterations(iterations: u32) -> Result<(), String> {
    let (least, most) = (ITERATIONS_ALLOWED.start(), ITERATIONS_ALLOWED.end());
    match ITERATIONS_ALLOWED.contains(&iterations) {
        true => Ok(()),
        false => Err(format!(
            "{iterations} iterations, {least} to {most} are taken"
        )),
    }
}

/// A credential in a file: bytes in base64.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Stored {
    iterations: u32,
    salt: String,
    stored_key: String,
    server_key: String,
}

impl fmt::Debug for Stored {
    /// As a [`Credential`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Stored");
        shown.field("iterations", &self.iterations);
        shown.finish_non_exhaustive()
    }
}

impl Stored {
    pub(super) fn of(credential: &Credential) -> Stored {
        let text = |bytes: &[u8]| STANDARD.encode(bytes);
        Stored {
            iterations: credential.iterations,
            salt: text(&credential.salt),
            stored_key: text(&credential.stored_key),
            server_key: text(&credential.server_key),
        }
    }

    /// What it says, or what is wrong with it.
    pub(super) fn read(&self, hash: Hash) -> Result<Credential, String> {
        let bytes = |name: &str, text: &str| {
            let bytes = STANDARD.decode(text);
            bytes.map_err(|error| format!("`{name}` is no base64: {error}"))
        };
        let credential = Credential {
            iterations: self.iterations,
            salt: bytes("salt", &self.salt)?,
            stored_key: bytes("stored_key", &self.stored_key)?,
            server_key: bytes("server_key", &self.server_key)?,
        };
        check_iterations(self.iterations)?;
        if !(1..=SALT_BYTES_MAX).contains(&credential.salt.len()) {
            return Err(format!("a salt of {} bytes", credential.salt.len()));
        }
        let keys = [&credential.stored_key, &credential.server_key];
        match keys.iter().all(|it| it.len() == hash.len_bytes()) {
            true => Ok(credential),
            false => Err(format!("a key that has not {} bytes", hash.len_bytes())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_of_its_password_alone() {
        for hash in [Hash::Sha256, Hash::Sha512] {
            let credential = Credential::derive(hash, b"pencil", b"salt", 4096);
            assert!(credential.is_of(hash, b"pencil"));
            assert!(!credential.is_of(hash, b"Pencil"));
            assert!(!credential.is_of(hash, b""));
            let stored = Stored::of(&credential);
            assert_eq!(stored.read(hash), Ok(credential));
            let few = Stored {
                iterations: 4095,
                ..stored.clone()
            };
            few.read(hash).expect_err("too few iterations");
            let long = Stored {
                stored_key: STANDARD.encode([0; 20]),
                ..stored
            };
            long.read(hash).expect_err("a key of another hash");
        }
    }

    #[test]
    fn no_key_is_shown() {
        let credential = Credential::derive(Hash::Sha256, b"pencil", b"salt", 4096);
        let stored = Stored::of(&credential);
        assert_eq!(
            format!("{credential:?}"),
            "Credential { iterations: 4096, .. }"
        );
        assert_eq!(format!("{stored:?}"), "Stored { iterations: 4096, .. }");
    }

    #[test]
    fn nobody_has_the_same_credential_each_time() {
        let of = |name| Credential::of_nobody(Hash::Sha256, b"secret", 4096, name);
        assert_eq!(of("mallory"), of("mallory"));
        assert_ne!(of("mallory").salt, of("eve").salt);
        assert_eq!(of("eve").salt.len(), SALT_BYTES);
        let other = Credential::of_nobody(Hash::Sha256, b"other", 4096, "eve");
        assert_ne!(of("eve").salt, other.salt);
    }
}

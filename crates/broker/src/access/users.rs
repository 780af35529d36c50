//! The file of users: who may log in, and what their passwords are checked against.
//!
//! It is an object of JSON with a checksum, as the other small files of the data folder, and its owner alone may read it. It is replaced as a
//! whole, so a broker that runs sees the old one or the new one, and looks at it again when it changed.
//!
//! Names and passwords are what SASLprep (RFC 4013) leaves as they are: some clients apply it to what they are given and some do not, and so
//! both mean the same.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::credential::{Credential, ITERATIONS, Stored, check_iterations};
use super::hash::{Hash, random};
use crate::disk::{RealDisk, folder_of};
use crate::{Error, Result, json_file};

/// The file's name in a data folder.
const FILE_NAME: &str = "users.json";

const VERSION: u32 = 1;

/// A file of users is no longer.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Names and passwords are no longer.
const NAME_BYTES_MAX: usize = 128;
const PASSWORD_BYTES_MAX: usize = 1024;

/// A password that somebody gets from now on is no shorter, in characters (code points): NIST SP 800-63B-4 §3.1.1.2 takes no fewer
/// anywhere, and asks for 15 where there is nothing but a password.
const NEW_PASSWORD_CHARACTERS_MIN: usize = 8;

/// Bytes of what credentials of nobody are made of.
pub(super) const SECRET_BYTES: usize = 32;

/// The users there are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Users {
    version: u32,
    /// What credentials of nobody are made of, the same after a restart.
    secret: String,
    /// Of all credentials, those of nobody too: users of another number could be told from nobody.
    iterations: u32,
    users: BTreeMap<String, User>,
}

/// What is kept of a user.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct User {
    scram_sha_256: Stored,
    scram_sha_512: Stored,
}

/// Credentials of a user, for each hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Credentials {
    pub(super) sha_256: Credential,
    pub(super) sha_512: Credential,
}

impl Credentials {
    pub(super) fn of(&self, hash: Hash) -> &Credential {
        match hash {
            Hash::Sha256 => &self.sha_256,
            Hash::Sha512 => &self.sha_512,
        }
    }
}

impl Default for Users {
    fn default() -> Users {
        Users {
            version: VERSION,
            secret: STANDARD.encode(random::<SECRET_BYTES>()),
            iterations: ITERATIONS,
            users: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for Users {
    /// Without what answers to names of nobody are made of.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Users");
        shown.field("names", &self.users.keys());
        shown.finish_non_exhaustive()
    }
}

impl Users {
    /// Where they are, if nobody says otherwise.
    pub fn path_in(data: &Path) -> PathBuf {
        data.join(FILE_NAME)
    }

    /// The users in a file; `None`: there is no file.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`].
    pub fn read(path: &Path) -> Result<Option<Users>> {
        let len_bytes = path.metadata().map_or(0, |it| it.len());
        if len_bytes > FILE_BYTES_MAX {
            let detail = format!("{len_bytes} bytes, at most {FILE_BYTES_MAX} are taken");
            return Err(json_file::damaged(path, detail));
        }
        let Some(users) = json_file::read::<Users>(path)? else {
            return Ok(None);
        };
        if users.version != VERSION {
            let detail = format!("version {}, and {VERSION} is known", users.version);
            return Err(json_file::damaged(path, detail));
        }
        users.resolve().map_err(|it| json_file::damaged(path, it))?;
        Ok(Some(users))
    }

    /// Changes the users in a file, which is made if it is not there; whoever else changes it meanwhile waits.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], and what `change` returns; the file is then as it was.
    pub fn change<T>(path: &Path, change: impl FnOnce(&mut Users) -> Result<T>) -> Result<T> {
        let folder = folder_of(path);
        std::fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
        let locked = File::open(folder).map_err(Error::io("open", folder))?;
        locked.lock().map_err(Error::io("lock", folder))?;
        let mut users = Users::read(path)?.unwrap_or_default();
        let changed = change(&mut users)?;
        json_file::write_private(&RealDisk, path, &users)?;
        Ok(changed)
    }

    /// Their names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.users.keys().map(String::as_str)
    }

    /// Whether there is a user of this name.
    pub fn has(&self, name: &str) -> bool {
        self.users.contains_key(name)
    }

    /// Gives a user this password, whether there is one of this name or not. It takes some hundredths of a second. Whether the password is
    /// a good one is for [`check_new_password`] to say.
    ///
    /// # Errors
    /// [`Error::BadUser`], [`Error::BadPassword`].
    pub fn set(&mut self, name: &str, password: &str) -> Result<()> {
        check_user_name(name)?;
        check_password(password)?;
        let credential = |hash| Credential::new(hash, password.as_bytes(), self.iterations);
        let of = |hash| Stored::of(&credential(hash));
        let user = User {
            scram_sha_256: of(Hash::Sha256),
            scram_sha_512: of(Hash::Sha512),
        };
        self.users.insert(name.to_owned(), user);
        Ok(())
    }

    /// Removes a user; whether there was one.
    pub fn remove(&mut self, name: &str) -> bool {
        self.users.remove(name).is_some()
    }

    /// Their credentials, and what those of nobody are made of; or what is wrong.
    pub(super) fn resolve(&self) -> std::result::Result<Resolved, String> {
        let secret = STANDARD.decode(&self.secret);
        let secret = secret.ok().filter(|it| it.len() == SECRET_BYTES);
        check_iterations(self.iterations)?;
        let users = self.users.iter().map(|(name, user)| {
            let of = |stored: &Stored, hash| {
                let read = stored.read(hash);
                read.map_err(|detail| format!("user `{}`: {detail}", name.escape_debug()))
            };
            let credentials = Credentials {
                sha_256: of(&user.scram_sha_256, Hash::Sha256)?,
                sha_512: of(&user.scram_sha_512, Hash::Sha512)?,
            };
            Ok((name.clone(), credentials))
        });
        Ok(Resolved {
            iterations: self.iterations,
            secret: secret.ok_or("`secret` is not 32 bytes in base64")?,
            users: users.collect::<std::result::Result<_, String>>()?,
        })
    }
}

/// What a file of users says.
pub(super) struct Resolved {
    pub(super) secret: Vec<u8>,
    pub(super) iterations: u32,
    pub(super) users: BTreeMap<String, Credentials>,
}

/// Whether a user can be called so.
///
/// # Errors
/// [`Error::BadUser`].
pub fn check_user_name(name: &str) -> Result<()> {
    let reason = match name {
        "" => "it is empty",
        _ if name.len() > NAME_BYTES_MAX => "it is longer than 128 bytes",
        // HTTP ends a name there.
        _ if name.contains(':') => "it has a colon",
        _ if !is_prepared(name) => OTHER_FORM,
        _ => return Ok(()),
    };
    Err(Error::BadUser {
        name: name.to_owned(),
        reason,
    })
}

/// Whether it can be a password.
///
/// # Errors
/// [`Error::BadPassword`].
fn check_password(password: &str) -> Result<()> {
    let reason = match password {
        "" => "it is empty",
        _ if password.len() > PASSWORD_BYTES_MAX => "it is longer than 1,024 bytes",
        _ if !is_prepared(password) => OTHER_FORM,
        _ => return Ok(()),
    };
    Err(Error::BadPassword { reason })
}

/// Whether somebody should get it as a password. One that somebody has, and that is shorter, is still taken.
///
/// # Errors
/// [`Error::BadPassword`].
pub fn check_new_password(password: &str) -> Result<()> {
    check_password(password)?;
    match password.chars().count() < NEW_PASSWORD_CHARACTERS_MIN {
        true => Err(Error::BadPassword { reason: TOO_SHORT }),
        false => Ok(()),
    }
}

const TOO_SHORT: &str = "it has fewer than 8 characters, the fewest that NIST SP 800-63B-4 takes; 15 or more are better";

const OTHER_FORM: &str = "it has control characters, or characters with another form that clients may take instead (SASLprep, RFC 4013)";

fn is_prepared(text: &str) -> bool {
    prepared(text).is_some_and(|it| it == text)
}

/// The form in which names and passwords are compared; `None`: it cannot be one.
pub(super) fn prepared(text: &str) -> Option<String> {
    stringprep::saslprep(text).ok().map(|it| it.into_owned())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn users_are_added_and_removed_and_nobody_else_may_read_them() {
        let folder = TempDir::new().expect("a folder");
        let path = Users::path_in(&folder.path().join("data"));
        assert!(Users::read(&path).expect("no file").is_none());
        Users::change(&path, |it| it.set("ann", "secret")).expect("she is added");
        Users::change(&path, |it| it.set("bob", "other")).expect("he is added");
        let users = Users::read(&path)
            .expect("it is good")
            .expect("it is there");
        assert_eq!(users.names().collect::<Vec<_>>(), ["ann", "bob"]);
        let mode = path.metadata().expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let text = std::fs::read_to_string(&path).expect("it is a text");
        assert!(!text.contains("\"other\""), "{text}");
        let resolved = users.resolve().expect("it is whole");
        let ann = &resolved.users["ann"];
        assert!(ann.sha_256.is_of(Hash::Sha256, b"secret"));
        assert!(ann.sha_512.is_of(Hash::Sha512, b"secret"));
        assert!(!ann.sha_512.is_of(Hash::Sha512, b"other"));
        assert!(Users::change(&path, |it| Ok(it.remove("ann"))).expect("she goes"));
        let again = Users::read(&path)
            .expect("it is good")
            .expect("it is there");
        assert_eq!(again.names().collect::<Vec<_>>(), ["bob"]);
        assert_eq!(again.secret, users.secret);
        std::fs::write(&path, &text[..text.len() - 9]).expect("it is cut");
        Users::read(&path).expect_err("it is damaged");
        Users::change(&path, |it| it.set("eve", "a")).expect_err("it is damaged");
    }

    #[test]
    fn all_of_a_file_are_stretched_as_often() {
        let mut users = Users {
            iterations: 4096,
            ..Users::default()
        };
        users.set("ann", "secret").expect("she is added");
        let resolved = users.resolve().expect("it is whole");
        let ann = &resolved.users["ann"];
        let found = [ann.sha_256.iterations, ann.sha_512.iterations];
        assert_eq!((found, resolved.iterations), ([4096; 2], 4096));
        let shown = format!("{users:?}");
        assert!(!shown.contains(&users.secret) && shown.contains("ann"));
        users.iterations = 4095;
        assert!(users.resolve().is_err(), "too few");
    }

    #[test]
    fn new_passwords_are_not_short() {
        check_new_password("größe 78").expect("eight characters");
        for short in ["", "größe 7", "1234567"] {
            check_new_password(short).expect_err(short);
        }
        check_new_password("a password\n").expect_err("a control character");
        assert!(TOO_SHORT.contains(&format!(" {NEW_PASSWORD_CHARACTERS_MIN} characters")));
    }

    #[test]
    fn names_and_passwords_mean_one_thing() {
        for good in ["ann", "Ann", "a.b@c", "größe", "a b", "=,"] {
            check_user_name(good).expect(good);
            check_password(good).expect(good);
        }
        check_password("a:b").expect("a colon");
        // A soft hyphen goes, a Roman number becomes letters, a control character may not be.
        for bad in ["", "a\u{AD}b", "\u{2168}", "a\nb", "e\u{301}"] {
            check_user_name(bad).expect_err(bad);
            check_password(bad).expect_err(bad);
        }
        check_user_name("a:b").expect_err("a colon");
        check_user_name(&"a".repeat(129)).expect_err("too long");
        check_password(&"a".repeat(1025)).expect_err("too long");
        assert_eq!(prepared("e\u{301}").as_deref(), Some("é"));
    }
}

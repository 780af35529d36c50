//! Who may come in, and who may do what.
//!
//! Without [`AccessOptions::is_on`] nobody is asked: the broker then listens only where no other machine gets to. With it a client says who
//! it is before anything else (SASL), over HTTP with each request, and [`Access::may`] is asked whatever it wants to do.
//!
//! | file | holds |
//! |---|---|
//! | `hash.rs`, `credential.rs` | what is kept of a password, and how it is made |
//! | `plain.rs`, `scram.rs` | the mechanisms, without a socket |
//! | `users.rs` | the file of users |
//! | `directory.rs` | the same as a running broker knows it |
//! | `passwords.rs` | passwords that came as they are, checked by a few threads |
//! | `queue.rs` | those who wait for that |
//! | `failures.rs` | how late a failure is told |
//! | `client.rs` | one connection's way in |
//! | `grants.rs` | the file of grants |
//! | `web.rs` | who asks over HTTP |
//! | `counts.rs` | metrics and log |
//!
//! What a client is told does not depend on whether there is a user of its name, nor does the time that takes.

mod client;
mod counts;
mod credential;
mod directory;
mod failures;
mod grants;
mod hash;
mod passwords;
mod plain;
mod queue;
mod scram;
mod users;
mod web;

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use kafka_protocol::error::ResponseError;

use crate::Result;
use crate::broker::Broker;
use crate::watched::Watched;
use client::Step;
pub(crate) use client::{Client, Mechanism};
pub(crate) use counts::{Counts, WAYS};
use directory::{Account, Directory};
use failures::{Failures, PAUSE_MIN};
pub(crate) use grants::{Action, Granted, Grants, Names, OPERATIONS};
use hash::{Hash, random};
use passwords::{Denied, Passwords, Way};
use scram::{BadMessage, First};
pub use users::{Users, check_new_password, check_user_name};

pub(crate) use web::{Lost, Visitor, admit};

/// So often it is looked whether files have changed.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

/// Who may come in.
#[derive(Clone, Debug, Default)]
pub struct AccessOptions {
    /// Whether clients have to say who they are.
    pub is_on: bool,
    /// The file of users; the one in the data folder, unless it is said here.
    pub users: Option<PathBuf>,
    /// The file of grants; without one every user may do everything.
    pub grants: Option<PathBuf>,
    /// Whether passwords may cross a network where others can read them.
    pub is_insecure: bool,
}

/// What the way to a client is like.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wire {
    /// Where the client is.
    pub(crate) peer: IpAddr,
    /// Whether nobody on the way can read what is sent.
    pub(crate) is_encrypted: bool,
}

/// The guard of a broker.
#[derive(Debug)]
pub(crate) struct Access {
    /// `None`: nobody is asked.
    logins: Option<Logins>,
    grants: Option<(Watched, ArcSwap<Grants>)>,
    is_insecure: bool,
    pub(crate) counts: Counts,
}

#[derive(Debug)]
struct Logins {
    directory: Directory,
    passwords: Passwords,
    failures: Failures,
}

/// What a client is answered.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// It is to say more.
    Go(Vec<u8>),
    /// It is in.
    In(Vec<u8>),
    /// It is not, and its connection ends.
    Refused,
    /// So does this one: it was not looked at whether it is, and it may come again.
    Crowded,
    /// It is not the moment to say this.
    OutOfTurn,
}

impl Access {
    /// Reads the files.
    ///
    /// # Errors
    /// [`crate::Error::Io`], [`crate::Error::Damaged`], [`crate::Error::Grants`], [`crate::Error::GrantsForNobody`].
    pub(crate) fn open(options: &AccessOptions, data: &Path) -> Result<Access> {
        let logins = match options.is_on {
            true => {
                let path = options.users.clone();
                let path = path.unwrap_or_else(|| Users::path_in(data));
                Some(Logins {
                    directory: Directory::open(path)?,
                    passwords: Passwords::new(),
                    failures: Failures::new(),
                })
            }
            false => None,
        };
        let grants = match &options.grants {
            Some(_) if !options.is_on => return Err(crate::Error::GrantsForNobody),
            Some(path) => {
                let watched = Watched::new(path.clone());
                let grants = Grants::read(path)?;
                Some((watched, ArcSwap::from_pointee(grants)))
            }
            None => None,
        };
        Ok(Access {
            logins,
            grants,
            is_insecure: options.is_insecure,
            counts: Counts::default(),
        })
    }

    /// Somebody who has just connected.
    pub(crate) fn client(&self, wire: Wire) -> Client {
        Client::new(wire, self.is_on())
    }

    /// One on this machine.
    #[cfg(test)]
    pub(crate) fn local_client(&self) -> Arc<Client> {
        Arc::new(self.client(Wire {
            peer: IpAddr::from([127, 0, 0, 1]),
            is_encrypted: false,
        }))
    }

    /// Whether clients have to say who they are.
    pub(crate) fn is_on(&self) -> bool {
        self.logins.is_some()
    }

    /// The file of users, if there is nobody in it.
    pub(crate) fn without_users(&self) -> Option<&Path> {
        let directory = &self.logins.as_ref()?.directory;
        directory.is_empty().then(|| directory.path())
    }

    /// Whether a password may cross this wire as it is: nobody else sees it, or somebody said that this does not matter.
    ///
    /// This is the one place where that is decided, for SASL and for HTTP.
    pub(crate) fn may_carry_passwords(&self, wire: &Wire) -> bool {
        wire.is_encrypted || wire.peer.to_canonical().is_loopback() || self.is_insecure
    }

    /// How a client may log in.
    pub(crate) fn mechanisms(&self, client: &Client) -> Vec<Mechanism> {
        let has_plain = self.may_carry_passwords(&client.wire);
        let mut mechanisms = Mechanism::ALL.to_vec();
        mechanisms.retain(|it| has_plain || *it != Mechanism::Plain);
        mechanisms
    }

    /// Agrees on how a client logs in.
    ///
    /// # Errors
    /// `UNSUPPORTED_SASL_MECHANISM`, and `ILLEGAL_SASL_STATE` where it is not the moment; its connection ends then, unless nobody has to
    /// log in, or it has.
    pub(crate) fn choose(
        &self,
        client: &Client,
        name: &str,
        is_bare: bool,
    ) -> Result<(), ResponseError> {
        let is_first = matches!(client.take_step(), Step::Nothing) && !client.is_refused();
        if !is_first || !client.is_unknown() {
            client.refuse();
            return Err(ResponseError::IllegalSaslState);
        }
        let mechanisms = self.mechanisms(client);
        match mechanisms.into_iter().find(|it| it.name() == name) {
            Some(mechanism) => {
                client.set_step(Step::Chosen(mechanism));
                client.set_bare(is_bare);
                Ok(())
            }
            None => {
                client.refuse();
                Err(ResponseError::UnsupportedSaslMechanism)
            }
        }
    }

    /// Answers what a client says to log in.
    pub(crate) async fn answer(&self, client: &Client, message: &[u8]) -> Reply {
        let Some(logins) = &self.logins else {
            return Reply::OutOfTurn;
        };
        let step = client.take_step();
        let mechanism = match &step {
            _ if client.is_refused() => return Reply::OutOfTurn,
            Step::Nothing => {
                client.refuse();
                return Reply::OutOfTurn;
            }
            Step::Chosen(mechanism) | Step::Challenged(mechanism, ..) => *mechanism,
        };
        let name = claimed(&step, message);
        // A call of the system, and the file only if it changed: less than what logging in costs.
        logins.directory.look();
        let generation = logins.directory.generation();
        match logins.step(client, step, message).await {
            Ok((answer, None)) => Reply::Go(answer),
            // Whoever was removed since the conversation began is nobody, whatever is proven.
            Ok((_, Some(account))) if !logins.directory.has(&account) => {
                self.refuse(logins, client, (mechanism, name), BadMessage::Proof)
                    .await
            }
            Ok((answer, Some(account))) => {
                self.counts.note_login(mechanism.name(), true);
                client.let_in(account, generation);
                Reply::In(answer)
            }
            Err(reason) => self.refuse(logins, client, (mechanism, name), reason).await,
        }
    }

    /// Turns a client away that has not proven who it is, as whom it gave this name. It keeps its connection's place until that is told.
    async fn refuse(
        &self,
        logins: &Logins,
        client: &Client,
        (mechanism, name): (Mechanism, Option<String>),
        reason: BadMessage,
    ) -> Reply {
        self.counts.note_login(mechanism.name(), false);
        let (peer, name) = (client.wire.peer, name.as_deref());
        let known = name.and_then(|it| logins.directory.find(it, Hash::Sha256).0);
        let known = known.as_ref().map(|it| it.name.as_str());
        self.counts
            .tell_failure(mechanism.name(), peer, known, &reason.to_string());
        let (pause, reply) = match reason {
            BadMessage::Crowded => (PAUSE_MIN, Reply::Crowded),
            _ => (logins.failures.note(peer, name), Reply::Refused),
        };
        tokio::time::sleep(pause).await;
        client.refuse();
        reply
    }

    /// Whether a user who was let in is still one: not removed, and with the same password.
    pub(crate) fn still_knows(&self, client: &Client) -> bool {
        let (Some(logins), Some(account)) = (&self.logins, client.account()) else {
            return true;
        };
        let directory = &logins.directory;
        // Before it is looked: what changes meanwhile is seen the next time.
        let generation = directory.generation();
        if client.was_looked_at(generation) {
            return true;
        }
        let is_known = directory.still_has(account);
        if is_known {
            client.note_look(generation);
        }
        is_known
    }

    /// Waits until a client that is in is no user any more.
    pub(crate) async fn until_forgotten(&self, client: &Client) {
        let Some(logins) = &self.logins else {
            return std::future::pending().await;
        };
        let mut changes = logins.directory.changes();
        while self.still_knows(client) {
            // Who tells of them lives as long as we do.
            if changes.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    /// Whether a client may do this. If it may not, that is counted and told.
    pub(crate) fn may(&self, client: &Client, action: Action<'_>) -> bool {
        self.user_may(client.user(), action)
    }

    fn user_may(&self, user: Option<&str>, action: Action<'_>) -> bool {
        let allowed = self.allows(user, action);
        if !allowed {
            let number = action.number();
            self.counts.note_denied(number);
            let user = user.unwrap_or_default();
            self.counts
                .tell_denial(user, OPERATIONS[number], action.resource());
        }
        allowed
    }

    /// The same, for what is left out of a list without a word.
    pub(crate) fn allows(&self, user: Option<&str>, action: Action<'_>) -> bool {
        match (&self.grants, user) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some((_, grants)), Some(user)) => grants.load().allow(user, action),
        }
    }

    /// What is granted to whom; `None`: everything to everybody.
    pub(crate) fn grants(&self) -> Option<(&Path, Arc<Grants>)> {
        let (file, grants) = self.grants.as_ref()?;
        Some((file.path(), grants.load_full()))
    }

    /// Reads files again that have changed.
    pub(crate) fn look(&self) {
        if let Some(logins) = &self.logins {
            logins.directory.look();
        }
        let Some((file, current)) = &self.grants else {
            return;
        };
        let read = |path: &Path| {
            let grants = Grants::read(path)?;
            tracing::info!(users = grants.users.len(), "read the file of grants again");
            current.store(Arc::new(grants));
            Ok(())
        };
        file.look(read, |error| {
            tracing::error!(%error, "the file of grants cannot be read: what it said before holds");
        });
    }
}

impl Logins {
    /// One message, and the answer to it; with who it is, if that is proven.
    async fn step(
        &self,
        client: &Client,
        step: Step,
        message: &[u8],
    ) -> Result<(Vec<u8>, Option<Arc<Account>>), BadMessage> {
        let hash = match &step {
            Step::Chosen(Mechanism::ScramSha512) => Hash::Sha512,
            _ => Hash::Sha256,
        };
        match step {
            Step::Nothing => Err(BadMessage::Proof),
            Step::Chosen(Mechanism::Plain) => {
                let (name, password) = plain::parse(message)?;
                let from = (Way::Sasl, client.wire.peer);
                let (directory, passwords) = (&self.directory, &self.passwords);
                match passwords.check(directory, from, name, password).await {
                    Ok(account) => Ok((Vec::new(), Some(account))),
                    Err(Denied::Crowded) => Err(BadMessage::Crowded),
                    Err(Denied::Wrong(_)) => Err(BadMessage::Proof),
                }
            }
            Step::Chosen(mechanism) => {
                let first = First::parse(message)?;
                let (account, credential) = self.directory.find(&first.name, hash);
                let own_nonce = uuid::Uuid::from_bytes(random()).simple().to_string();
                let (answer, challenge) = first.challenge(hash, credential, &own_nonce);
                let next = Step::Challenged(mechanism, Box::new(challenge), account);
                client.set_step(next);
                Ok((answer.into_bytes(), None))
            }
            Step::Challenged(_, challenge, account) => {
                let answer = challenge.finish(message)?;
                // Nobody can prove a password that no user has.
                let account = account.ok_or(BadMessage::Proof)?;
                Ok((answer.into_bytes(), Some(account)))
            }
        }
    }
}

/// Who a client says it is in this message, or said in the one before.
fn claimed(step: &Step, message: &[u8]) -> Option<String> {
    match step {
        Step::Chosen(Mechanism::Plain) => plain::parse(message).ok().map(|it| it.0.to_owned()),
        Step::Challenged(_, challenge, _) => Some(challenge.name.clone()),
        Step::Nothing | Step::Chosen(_) => None,
    }
}

/// For the fuzzer: whether two messages with a line end between them let somebody in who does not know the password.
#[cfg(fuzzing)]
#[doc(hidden)]
pub fn lets_in(messages: &[u8]) -> bool {
    let end = messages.iter().position(|it| *it == b'\n');
    let (first, second) = messages.split_at(end.unwrap_or(messages.len()));
    let _ = plain::parse(messages);
    let Ok(first) = First::parse(first) else {
        return false;
    };
    let credential = credential::Credential::of_nobody(Hash::Sha256, b"secret", 4096, &first.name);
    let (_, challenge) = first.challenge(Hash::Sha256, credential, "ours");
    challenge
        .finish(second.get(1..).unwrap_or_default())
        .is_ok()
}

/// Looks at the files again and again, until it is ended from outside.
pub(crate) async fn run(broker: Arc<Broker>) {
    if !broker.access.is_on() {
        return;
    }
    loop {
        tokio::time::sleep(LOOK_PAUSE).await;
        let broker = broker.clone();
        let looked = tokio::task::spawn_blocking(move || broker.access.look());
        if looked.await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;

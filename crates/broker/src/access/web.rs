//! Who asks over HTTP: by name and password (RFC 7617), with each request.
//!
//! Whether the process works, and whether clients are served, everybody may ask: whoever looks after processes has no password, and learns
//! nothing else ([`Visitor::Stranger`]). Where nobody has to say who he is, a request has to name an address or a name that this broker has: a page of
//! somebody else that a browser shows could have its own name mean our address, and read what we say (DNS rebinding). A name without a dot
//! is taken, too: it is one of a network of ours, such as that of a service among containers.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};
use tokio::time::sleep;

use super::directory::Account;
use super::passwords::{Denied, Way};
use super::{Access, Action, Logins, Wire};
use crate::broker::Broker;
use crate::http::{Body, TEXT, of_text};

/// Who asks here is not asked who it is, and so waits for nobody else's password.
const HEALTH: &str = "/healthz";

/// This everybody may ask, and who says who it is may learn more.
const READINESS: &str = "/readyz";

const REALM: HeaderValue = HeaderValue::from_static("Basic realm=\"tamis\", charset=\"UTF-8\"");

/// How a login over HTTP is counted.
const WAY: &str = "HTTP";

/// A header is no longer.
const HEADER_BYTES_MAX: usize = 4096;

/// Why a request is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    /// It names another host.
    Host,
    /// It would need a password, which others could read.
    InTheClear,
    /// Nobody knows who it is from.
    Unknown,
    /// Nor here, and this is told so much later.
    Wrong(Duration),
    /// Too many wait for their passwords to be checked.
    Crowded,
    /// It is from somebody who may not see this.
    Denied,
}

/// Why somebody may not watch any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Its user is not there any more, or has another password.
    User,
    /// Its user is not granted it any more.
    Grant,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Visitor {
    /// Nobody has to say who it is, and all may see everything.
    Anybody,
    /// Somebody who did not say it, and sees what is for everybody.
    Stranger,
    /// A user who may watch.
    User(Arc<Account>),
}

impl Visitor {
    /// Whether it may watch still: its user is there, with the same password, and has the grant.
    ///
    /// # Errors
    /// [`Lost`].
    pub(crate) fn may_watch(&self, access: &Access) -> Result<(), Lost> {
        let account = match self {
            Visitor::Anybody => return Ok(()),
            Visitor::Stranger => return Err(Lost::User),
            Visitor::User(account) => account,
        };
        let logins = access.logins.as_ref();
        match logins.is_some_and(|it| it.directory.still_has(account)) {
            false => Err(Lost::User),
            true if access.allows(Some(&account.name), Action::Watch) => Ok(()),
            true => Err(Lost::Grant),
        }
    }

    /// Whether it may see what is in records of a topic.
    pub(crate) fn may_read(&self, access: &Access, topic: &str) -> bool {
        match self {
            Visitor::Anybody => true,
            Visitor::Stranger => false,
            Visitor::User(account) => access.allows(Some(&account.name), Action::Read(topic)),
        }
    }
}

/// Who asks, or what is to be said to the request instead of an answer. `advertised` are names that the broker has, too.
///
/// # Errors
/// That.
pub(crate) async fn admit<B>(
    broker: &Broker,
    wire: Wire,
    advertised: &[String],
    request: &Request<B>,
) -> Result<Visitor, Response<Body>> {
    let admitted = check(broker, wire, advertised, request).await;
    if let Err(Refusal::Wrong(pause)) = &admitted {
        sleep(*pause).await;
    }
    admitted.map_err(response)
}

async fn check<B>(
    broker: &Broker,
    wire: Wire,
    advertised: &[String],
    request: &Request<B>,
) -> Result<Visitor, Refusal> {
    let path = request.uri().path();
    if path == HEALTH {
        return Ok(Visitor::Stranger);
    }
    let visitor = match &broker.access.logins {
        None if names_us(request, advertised) => Ok(Visitor::Anybody),
        None => Err(Refusal::Host),
        Some(logins) => {
            let header = request.headers().get(AUTHORIZATION);
            let user = user(&broker.access, logins, wire, header).await;
            user.map(Visitor::User)
        }
    };
    match visitor {
        // At once: whoever asks has little time, and learns nothing of a password but where the broker is not well.
        Err(_) if path == READINESS => Ok(Visitor::Stranger),
        visitor => visitor,
    }
}

/// The user whose name and password are in a header, if it may watch.
async fn user(
    access: &Access,
    logins: &Logins,
    wire: Wire,
    header: Option<&HeaderValue>,
) -> Result<Arc<Account>, Refusal> {
    if !access.may_carry_passwords(&wire) {
        return Err(Refusal::InTheClear);
    }
    let Some(header) = header else {
        return Err(Refusal::Unknown);
    };
    logins.directory.look();
    let account = match credentials(header) {
        Some((name, password)) => proven(logins, wire.peer, &name, &password).await,
        None => Err(Refusal::Unknown),
    };
    access.counts.note_login(WAY, account.is_ok());
    let account = account.inspect_err(|refusal| {
        let reason = match refusal {
            Refusal::Crowded => "too many passwords wait to be checked",
            _ => "a wrong password, or an unknown user",
        };
        access.counts.tell_failure(WAY, wire.peer, None, reason);
    })?;
    match access.user_may(Some(&account.name), Action::Watch) {
        true => Ok(account),
        false => Err(Refusal::Denied),
    }
}

/// The user of this name, if the password is right.
async fn proven(
    logins: &Logins,
    peer: IpAddr,
    name: &str,
    password: &str,
) -> Result<Arc<Account>, Refusal> {
    let from = (Way::Http, peer);
    let checked = logins
        .passwords
        .check(&logins.directory, from, name, password);
    let place = match checked.await {
        Ok(account) => return Ok(account),
        Err(Denied::Crowded) => return Err(Refusal::Crowded),
        Err(Denied::Wrong(place)) => place,
    };
    let pause = logins.failures.note(peer, Some(name));
    // Also if nobody waits for the answer any more: hanging up is no way to try faster.
    tokio::spawn(async move {
        sleep(pause).await;
        drop(place);
    });
    Err(Refusal::Wrong(pause))
}

/// The name and the password of a header.
fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let text = header
        .to_str()
        .ok()
        .filter(|it| it.len() <= HEADER_BYTES_MAX)?;
    let (scheme, encoded) = text.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (name, password) = decoded.split_once(':')?;
    let is_whole = !name.is_empty() && !password.is_empty();
    is_whole.then(|| (name.to_owned(), password.to_owned()))
}

/// Whether a request names an address, or a name that nobody else can have. One of HTTP 1.0 need not name any, and no browser sends
/// such.
fn names_us<B>(request: &Request<B>, advertised: &[String]) -> bool {
    let of_header = request.headers().get(HOST);
    let host = match of_header.map(HeaderValue::to_str) {
        Some(Ok(host)) => host,
        Some(Err(_)) => return false,
        None => match request.uri().authority() {
            Some(authority) => authority.as_str(),
            None => return true,
        },
    };
    let name = match host.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((address, _)) => address,
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let is = |other: &str| name.eq_ignore_ascii_case(other);
    let is_address = name.parse::<IpAddr>().is_ok();
    let is_near = !name.is_empty() && !name.contains('.');
    is_address || is_near || advertised.iter().any(|it| is(it))
}

fn response(refusal: Refusal) -> Response<Body> {
    let (status, text) = match refusal {
        Refusal::Host => (
            StatusCode::FORBIDDEN,
            "this is asked for under the broker's address, a name without a dot, or the name that it advertises\n",
        ),
        Refusal::InTheClear => (
            StatusCode::FORBIDDEN,
            "this needs a password, which others on the way could read: ask over TLS or from the same machine, or start the broker with `--insecure`\n",
        ),
        Refusal::Unknown | Refusal::Wrong(_) => (
            StatusCode::UNAUTHORIZED,
            "this needs the name and the password of a user\n",
        ),
        Refusal::Crowded => (
            StatusCode::SERVICE_UNAVAILABLE,
            "too many passwords wait to be checked: ask again in a moment\n",
        ),
        Refusal::Denied => (
            StatusCode::FORBIDDEN,
            "this is for users with `metrics = true` or `admin = true`\n",
        ),
    };
    let mut response = of_text(status, TEXT, text);
    let headers = response.headers_mut();
    match refusal {
        Refusal::Unknown | Refusal::Wrong(_) => headers.insert(WWW_AUTHENTICATE, REALM),
        Refusal::Crowded => headers.insert(RETRY_AFTER, HeaderValue::from_static("1")),
        _ => None,
    };
    response
}

#[cfg(test)]
mod tests;

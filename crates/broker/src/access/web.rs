//! Who asks over HTTP: by name and password (RFC 7617), with each request.
//!
//! Whether the process works, and whether clients are served, everybody may ask: whoever looks after processes has no password, and learns
//! nothing else ([`Visitor::Stranger`]). Where nobody has to say who he is, a request has to name an address or a name that this broker has: a page of
//! somebody else that a browser shows could have its own name mean our address, and read what we say (DNS rebinding). A name without a dot
//! is taken, too: it is one of a network of ours, such as that of a service among containers.

use std::net::IpAddr;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::{AUTHORIZATION, HOST, HeaderValue, WWW_AUTHENTICATE};
use hyper::{Request, Response, StatusCode};

use super::directory::Account;
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
    /// It is from somebody who may not see this.
    Denied,
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) enum Visitor {
    /// Nobody has to say who it is, and all may see everything.
    Anybody,
    /// Somebody who did not say it, and sees what is for everybody.
    Stranger,
/// Why somebody may not watch any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Its user is not there any more, or has another password.
    User,
    /// Its user is not granted it any more.
    Grant,
}

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
        Some((name, password)) => {
            let passwords = &logins.passwords;
            let directory = &logins.directory;
            passwords
                .check(directory, wire.peer, &name, &password)
                .await
        }
        None => None,
    };
    access.counts.note_login(WAY, account.is_some());
    let Some(account) = account else {
        access
            .counts
            .tell_failure(WAY, wire.peer, None, "a wrong password, or an unknown user");
        return Err(Refusal::Unknown);
    };
    match access.user_may(Some(&account.name), Action::Watch) {
        true => Ok(account),
        false => Err(Refusal::Denied),
    }
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
        Refusal::Unknown => (
            StatusCode::UNAUTHORIZED,
            "this needs the name and the password of a user\n",
        ),
        Refusal::Denied => (
            StatusCode::FORBIDDEN,
            "this is for users with `metrics = true` or `admin = true`\n",
        ),
    };
    let mut response = of_text(status, TEXT, text);
    if refusal == Refusal::Unknown {
        let headers = response.headers_mut();
        headers.insert(WWW_AUTHENTICATE, REALM);
    }
    response
}

#[cfg(test)]
mod tests;

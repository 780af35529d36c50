//! `SaslHandshake` and `SaslAuthenticate`: a client says who it is.
//!
//! In version 1 of the handshake the messages of the mechanism travel in `SaslAuthenticate`, in version 0 they follow as they are, each behind
//! its length. Who fails is told so, and its connection ends.

use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::{
    SaslAuthenticateRequest, SaslAuthenticateResponse, SaslHandshakeRequest, SaslHandshakeResponse,
};
use kafka_protocol::protocol::StrBytes;

use super::{Answer, Asked, Context, Part, Refused};
use crate::access::Reply;
use bytes::Bytes;

/// In this version of the handshake what follows is no request.
const BARE: i16 = 0;

/// The same whether there is such a user or not.
const FAILED: &str = "authentication failed: the name of the user or the password is wrong";

const CROWDED: &str = "too many passwords wait to be checked: try again";

const OUT_OF_TURN: &str = "a mechanism is chosen by `SaslHandshake` first, and who has logged in does not do it again; without `--auth` nobody is asked";

pub(super) fn shake_hands(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: SaslHandshakeRequest = asked.read()?;
    let (access, client) = (&context.broker.access, &context.client);
    let error = access.choose(client, &request.mechanism, asked.version == BARE);
    let mechanisms = match access.is_on() {
        true => access.mechanisms(client),
        false => Vec::new(),
    };
    let mechanisms = mechanisms
        .iter()
        .map(|it| StrBytes::from_static_str(it.name()));
    let response = SaslHandshakeResponse::default()
        .with_error_code(error.err().map_or(0, |it| it.code()))
        .with_mechanisms(mechanisms.collect());
    asked.reply::<SaslHandshakeRequest>(&response)
}

pub(super) async fn authenticate(context: &Context, mut asked: Asked) -> Result<Answer, Refused> {
    let request: SaslAuthenticateRequest = asked.read()?;
    let access = &context.broker.access;
    let failed = |error: ResponseError, message| {
        SaslAuthenticateResponse::default()
            .with_error_code(error.code())
            .with_error_message(Some(StrBytes::from_static_str(message)))
    };
    // A session has no end: its field stays 0.
    let response = match access.answer(&context.client, &request.auth_bytes).await {
        Reply::Go(bytes) | Reply::In(bytes) => SaslAuthenticateResponse::default()
            .with_error_message(None)
            .with_auth_bytes(bytes.into()),
        Reply::Refused => failed(ResponseError::SaslAuthenticationFailed, FAILED),
        // Clients take a login that failed for the end; this they try again.
        Reply::Crowded => failed(ResponseError::ThrottlingQuotaExceeded, CROWDED),
        Reply::OutOfTurn => failed(ResponseError::IllegalSaslState, OUT_OF_TURN),
    };
    asked.reply::<SaslAuthenticateRequest>(&response)
}

/// Answers a message of the mechanism that came without a request around it.
pub(super) async fn answer_bare(context: &Context, message: Bytes) -> Result<Answer, Refused> {
    match context
        .broker
        .access
        .answer(&context.client, &message)
        .await
    {
        Reply::Go(bytes) | Reply::In(bytes) => Ok(Answer::Ready(vec![Part::Bytes(bytes.into())])),
        // There is no other way to say it.
        Reply::Refused | Reply::Crowded | Reply::OutOfTurn => {
            Err(Refused::Unknown("it failed to log in"))
        }
    }
}

#[cfg(test)]
mod tests {
    use kafka_protocol::messages::{ApiVersionsRequest, MetadataRequest};

    use super::*;
    use crate::access::Users;
    use crate::api::tests::{Trial, flatten, frame_of};
    use crate::broker::Options;

    /// A broker that knows `ann`, whose password is `secret`.
    fn guarded() -> Trial {
        Trial::with(|data| {
            let users = Users::path_in(data);
            Users::change(&users, |it| it.set("ann", "secret")).expect("she is added");
            let mut options = Options::new(data);
            options.access.is_on = true;
            options
        })
    }

    fn shake(trial: &Trial, mechanism: &'static str, version: i16) -> SaslHandshakeResponse {
        let mechanism = StrBytes::from_static_str(mechanism);
        let request = SaslHandshakeRequest::default().with_mechanism(mechanism);
        trial.ask(&request, version)
    }

    fn say(trial: &Trial, message: &[u8], version: i16) -> (i16, Bytes) {
        let message = Bytes::copy_from_slice(message);
        let request = SaslAuthenticateRequest::default().with_auth_bytes(message);
        let response = trial.ask(&request, version);
        assert_eq!(response.session_lifetime_ms, 0);
        assert_eq!(response.error_code != 0, response.error_message.is_some());
        (response.error_code, response.auth_bytes)
    }

    fn may_ask(trial: &Trial) -> bool {
        let asked = trial.ask_frame(frame_of(&MetadataRequest::default(), 12));
        match asked {
            Ok(_) => true,
            Err(Refused::Unknown(_) | Refused::Forgotten) => false,
            Err(other) => panic!("{other}"),
        }
    }

    fn is_given_up(trial: &Trial) -> bool {
        trial.runtime.block_on(async {
            let given_up = trial.context.client.until_given_up();
            let soon = std::time::Duration::from_millis(1);
            tokio::time::timeout(soon, given_up).await.is_ok()
        })
    }

    const FAILED: i16 = 58;
    const UNSUPPORTED: i16 = 33;
    const OUT_OF_TURN: i16 = 34;

    #[test]
    fn who_has_not_logged_in_learns_of_versions_alone() {
        let trial = guarded();
        for served in crate::api::SERVED {
            let is_open = crate::api::guard::of(served.key) == Some(crate::api::guard::Guard::Open);
            let mut frame = vec![];
            frame.extend((served.key as i16).to_be_bytes());
            frame.extend(served.max.to_be_bytes());
            frame.extend([0; 40]);
            let refused = trial.ask_frame(frame.into());
            let is_refused = matches!(refused, Err(Refused::Unknown(_)));
            assert_eq!(is_refused, !is_open, "{:?}", served.key);
        }
        trial.ask(&ApiVersionsRequest::default(), 0);
        assert!(!may_ask(&trial));
    }

    #[test]
    fn plain_lets_in_who_has_the_password() {
        for version in 0..=2 {
            let trial = guarded();
            assert_eq!(shake(&trial, "PLAIN", 1).error_code, 0);
            assert!(!may_ask(&trial));
            assert_eq!(say(&trial, b"\0ann\0secret", version), (0, Bytes::new()));
            assert!(may_ask(&trial) && !is_given_up(&trial));
            assert_eq!(trial.context.client.user(), Some("ann"));
            // Once is enough, and a second time does no harm.
            assert_eq!(shake(&trial, "PLAIN", 1).error_code, OUT_OF_TURN);
            assert_eq!(say(&trial, b"\0ann\0secret", version).0, OUT_OF_TURN);
            assert!(may_ask(&trial) && !is_given_up(&trial));
        }
        for wrong in [
            &b"\0ann\0Secret"[..],
            b"\0eve\0secret",
            b"ann",
            b"",
            b"\0ann\0",
            b"\xFF",
        ] {
            let trial = guarded();
            shake(&trial, "PLAIN", 1);
            assert_eq!(say(&trial, wrong, 2).0, FAILED);
            assert!(!may_ask(&trial) && is_given_up(&trial));
            // What was sent before the answer came is no second try.
            assert_eq!(shake(&trial, "PLAIN", 1).error_code, OUT_OF_TURN);
            assert_eq!(say(&trial, b"\0ann\0secret", 2).0, OUT_OF_TURN);
            assert!(!may_ask(&trial));
            assert_eq!(trial.context.broker.access.counts.logins(0), [0, 1]);
        }
    }

    #[test]
    fn who_comes_when_too_many_wait_is_told_to_come_again() {
        let trial = guarded();
        let _crowd = trial.context.broker.access.crowd();
        shake(&trial, "PLAIN", 1);
        let crowded = ResponseError::ThrottlingQuotaExceeded;
        assert!(crowded.is_retriable());
        assert_eq!(say(&trial, b"\0ann\0secret", 2).0, crowded.code());
        assert!(!may_ask(&trial) && is_given_up(&trial));
        let trial = guarded();
        let _crowd = trial.context.broker.access.crowd();
        // By this no password waits.
        shake(&trial, "SCRAM-SHA-256", 1);
        assert_eq!(say(&trial, b"n,,n=ann,r=abc", 2).0, 0);
    }

    #[test]
    fn who_begins_elsewhere_is_told_where_to_begin() {
        let trial = guarded();
        assert_eq!(say(&trial, b"\0ann\0secret", 2).0, OUT_OF_TURN);
        assert!(!may_ask(&trial) && is_given_up(&trial));
        let trial = guarded();
        let refused = shake(&trial, "GSSAPI", 1);
        assert_eq!(refused.error_code, UNSUPPORTED);
        let told: Vec<_> = refused.mechanisms.iter().map(|it| &**it).collect();
        assert_eq!(told, ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"]);
        assert!(is_given_up(&trial));
        let trial = guarded();
        shake(&trial, "SCRAM-SHA-256", 1);
        assert_eq!(shake(&trial, "PLAIN", 1).error_code, OUT_OF_TURN);
        assert!(is_given_up(&trial));
        // Where nobody has to log in it is no use, and no harm.
        let open = Trial::new();
        assert_eq!(shake(&open, "PLAIN", 1).error_code, OUT_OF_TURN);
        assert_eq!(say(&open, b"\0ann\0secret", 2).0, OUT_OF_TURN);
        assert!(may_ask(&open) && !is_given_up(&open));
    }

    #[test]
    fn no_password_is_taken_as_it_is_where_others_listen() {
        let mut trial = guarded();
        let access = &trial.context.broker.access;
        let peer = std::net::IpAddr::from([192, 0, 2, 1]);
        let client = |is_encrypted| access.client(crate::access::Wire { peer, is_encrypted });
        let (bare, encrypted) = (client(false), client(true));
        assert_eq!(access.mechanisms(&encrypted).len(), 3);
        trial.context.client = bare.into();
        let refused = shake(&trial, "PLAIN", 1);
        assert_eq!(refused.error_code, UNSUPPORTED);
        assert_eq!(refused.mechanisms.len(), 2);
    }

    #[test]
    fn scram_does_not_tell_who_is_there() {
        for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-512"] {
            let salt = |name: &str| {
                let trial = guarded();
                assert_eq!(shake(&trial, mechanism, 1).error_code, 0);
                let first = format!("n,,n={name},r=abc");
                let (error, answer) = say(&trial, first.as_bytes(), 2);
                assert_eq!(error, 0);
                let answer = String::from_utf8(answer.to_vec()).expect("a text");
                let salt = answer.split(',').nth(1).expect("a salt").to_owned();
                assert!(answer.starts_with("r=abc") && answer.ends_with(",i=16384"));
                let nonce = answer.split(',').next().expect("a nonce");
                let last = format!("c=biws,{nonce},p=AAAA");
                assert_eq!(say(&trial, last.as_bytes(), 2).0, FAILED);
                assert!(is_given_up(&trial) && !may_ask(&trial));
                salt.len()
            };
            assert_eq!(salt("ann"), salt("eve"));
        }
    }

    #[test]
    fn old_clients_send_bare_messages() {
        let trial = guarded();
        assert_eq!(shake(&trial, "PLAIN", 0).error_code, 0);
        let message = Bytes::from_static(b"\0ann\0secret");
        let answered = trial.ask_frame(message.clone()).expect("it is right");
        assert_eq!(flatten(&answered.expect("an answer")), "");
        assert!(may_ask(&trial));
        let trial = guarded();
        shake(&trial, "PLAIN", 0);
        let refused = trial.ask_frame(Bytes::from_static(b"\0ann\0wrong"));
        assert!(matches!(refused, Err(Refused::Unknown(_))));
        assert!(matches!(trial.ask_frame(message), Err(Refused::Unknown(_))));
        assert!(!may_ask(&trial) && is_given_up(&trial));
    }

    #[test]
    fn who_is_removed_is_out_and_who_is_not_stays() {
        for password in [Some("secret"), None] {
            let trial = guarded();
            shake(&trial, "PLAIN", 1);
            say(&trial, b"\0ann\0secret", 2);
            let users = Users::path_in(&trial.context.broker.options.data);
            Users::change(&users, |it| it.set("bob", "other")).expect("he is added");
            trial.context.broker.access.look();
            assert!(may_ask(&trial), "nothing happened to her");
            let changed = Users::change(&users, |it| match password {
                Some(password) => it.set("ann", password),
                None => {
                    it.remove("ann");
                    Ok(())
                }
            });
            changed.expect("it is changed");
            trial.context.broker.access.look();
            assert!(!may_ask(&trial), "another salt is another password");
            assert!(!may_ask(&trial), "nor later");
        }
    }
}

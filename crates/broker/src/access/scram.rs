//! The broker's side of SCRAM (RFC 5802): a conversation of two messages of the client and two answers.
//!
//! ```text
//! client  n,,n=alice,r=NONCE                                        First::parse
//! broker  r=NONCE+OURS,s=SALT,i=ITERATIONS                          First::challenge
//! client  c=biws,r=NONCE+OURS,p=PROOF                               Challenge::finish
//! broker  v=SIGNATURE
//! ```
//!
//! No channel binding (there is no mechanism that ends in `-PLUS`), no acting for somebody else, no mandatory extensions, and no
//! tokens of delegation. Nothing in here waits, and nothing is kept of a message but what the next needs.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq;

use super::credential::Credential;
use super::hash::Hash;

/// A message is no longer.
pub(super) const MESSAGE_BYTES_MAX: usize = 4096;

/// Why a message is not taken. It is told to nobody but the log: to the client all of them look alike, but that it may come again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadMessage {
    #[error("a message that is not in the form of its mechanism: {0}")]
    Form(&'static str),
    #[error("{0}, which is not served")]
    Unserved(&'static str),
    #[error("a wrong password, or an unknown user")]
    Proof,
    #[error("too many passwords wait to be checked")]
    Crowded,
}

use BadMessage::{Form, Unserved};

/// What a client says first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct First {
    /// Who it is, as it was written.
    pub(super) name: String,
    /// What the second message is to repeat, in base64.
    binding: String,
    bare: String,
    nonce: String,
}

/// What a client is to answer.
#[derive(Clone, Debug)]
pub(super) struct Challenge {
    /// Who it says it is, as it was written.
    pub(super) name: String,
    hash: Hash,
    credential: Credential,
    binding: String,
    nonce: String,
    /// The messages so far, without the header.
    said: String,
}

impl First {
    /// Reads the first message.
    pub(super) fn parse(message: &[u8]) -> Result<First, BadMessage> {
        let text = text_of(message)?;
        let (flag, rest) = text.split_once(',').ok_or(Form("no header"))?;
        match flag {
            "n" | "y" => {}
            _ if flag.starts_with("p=") => return Err(Unserved("channel binding")),
            _ => return Err(Form("an unknown flag for channel binding")),
        }
        let (acts_for, bare) = rest.split_once(',').ok_or(Form("no end of the header"))?;
        let header = &text[..text.len() - bare.len()];
        let mut attributes = bare.split(',');
        let mut next = |name: &str, missing| {
            let attribute = attributes.next().and_then(|it| it.strip_prefix(name));
            attribute.ok_or(Form(missing))
        };
        if bare.starts_with("m=") {
            return Err(Unserved("a mandatory extension"));
        }
        let name = unescape(next("n=", "no name")?)?;
        let nonce = next("r=", "no nonce")?;
        if !is_nonce(nonce) {
            return Err(Form("a nonce that is none"));
        }
        // Kafka's clients put the name of who logs in there, too.
        let acts_for = match acts_for.strip_prefix("a=") {
            Some(other) => unescape(other)?,
            None if acts_for.is_empty() => String::new(),
            None => return Err(Form("a header that cannot be")),
        };
        if !acts_for.is_empty() && acts_for != name {
            return Err(Unserved("acting for another user"));
        }
        for extension in attributes {
            match extension.split_once('=') {
                Some(("tokenauth", "true")) => return Err(Unserved("a token of delegation")),
                Some(_) => {}
                None => return Err(Form("an extension without a value")),
            }
        }
        Ok(First {
            binding: STANDARD.encode(header),
            bare: bare.to_owned(),
            nonce: nonce.to_owned(),
            name,
        })
    }

    /// The answer to it, and what is to be answered.
    pub(super) fn challenge(
        self,
        hash: Hash,
        credential: Credential,
        own_nonce: &str,
    ) -> (String, Challenge) {
        let nonce = format!("{}{own_nonce}", self.nonce);
        let salt = STANDARD.encode(&credential.salt);
        let answer = format!("r={nonce},s={salt},i={}", credential.iterations);
        let challenge = Challenge {
            name: self.name,
            hash,
            said: format!("{},{answer}", self.bare),
            binding: self.binding,
            credential,
            nonce,
        };
        (answer, challenge)
    }
}

impl Challenge {
    /// Reads the second message; returns the last answer if it proves that the client has the password.
    pub(super) fn finish(self, message: &[u8]) -> Result<String, BadMessage> {
        let text = text_of(message)?;
        let (unproven, proof) = text.rsplit_once(",p=").ok_or(Form("no proof"))?;
        let mut attributes = unproven.split(',');
        let binding = attributes.next().and_then(|it| it.strip_prefix("c="));
        let nonce = attributes.next().and_then(|it| it.strip_prefix("r="));
        if binding != Some(&self.binding) {
            return Err(Form("another header than the first message had"));
        }
        // Anything else may be a message of another conversation.
        if nonce != Some(&self.nonce) {
            return Err(Form("another nonce than it was given"));
        }
        let proof = STANDARD.decode(proof);
        let proof = proof.map_err(|_| Form("a proof that is no base64"))?;
        let said = format!("{},{unproven}", self.said);
        match self.is_proven(said.as_bytes(), &proof) {
            true => {
                let signature = self.hash.hmac(&self.credential.server_key, said.as_bytes());
                Ok(format!("v={}", STANDARD.encode(signature)))
            }
            false => Err(BadMessage::Proof),
        }
    }

    /// Whether the proof is made of the client's key, of which we know the hash alone.
    fn is_proven(&self, said: &[u8], proof: &[u8]) -> bool {
        let signature = self.hash.hmac(&self.credential.stored_key, said);
        if proof.len() != signature.len() {
            return false;
        }
        let client_key = signature.iter().zip(proof).map(|(one, other)| one ^ other);
        let stored_key = self.hash.digest(&client_key.collect::<Vec<_>>());
        stored_key.ct_eq(&self.credential.stored_key).into()
    }
}

fn text_of(message: &[u8]) -> Result<&str, BadMessage> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(Form("it is too long"));
    }
    std::str::from_utf8(message).map_err(|_| Form("it is no UTF-8"))
}

/// A name: `=2C` stands for a comma, `=3D` for an equals sign, and neither may stand there itself.
fn unescape(text: &str) -> Result<String, BadMessage> {
    let mut parts = text.split('=');
    let mut name = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (sign, rest) = match (part.strip_prefix("2C"), part.strip_prefix("3D")) {
            (Some(rest), _) => (',', rest),
            (_, Some(rest)) => ('=', rest),
            _ => return Err(Form("a name with an equals sign")),
        };
        name.push(sign);
        name.push_str(rest);
    }
    match name.is_empty() {
        true => Err(Form("an empty name")),
        false => Ok(name),
    }
}

/// Printable ASCII, and no comma.
fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|it| it.is_ascii_graphic() && it != b',')
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::cases;

    fn bytes(base64: &str) -> Vec<u8> {
        STANDARD.decode(base64).expect("it is base64")
    }

    /// The example of RFC 7677 section 3.
    const RFC_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const RFC_NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const RFC_ANSWER: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const RFC_SECOND: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const RFC_LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    fn rfc_challenge() -> (String, Challenge) {
        let salt = bytes("W22ZaJ0SNY7soEsUEjb6gQ==");
        let credential = Credential::derive(Hash::Sha256, b"pencil", &salt, 4096);
        let first = First::parse(RFC_FIRST.as_bytes()).expect("it is in order");
        assert_eq!(first.name, "user");
        first.challenge(Hash::Sha256, credential, RFC_NONCE)
    }

    #[test]
    fn it_answers_as_the_example_of_the_rfc() {
        let (answer, challenge) = rfc_challenge();
        assert_eq!(answer, RFC_ANSWER);
        let last = challenge.finish(RFC_SECOND.as_bytes());
        assert_eq!(last.as_deref(), Ok(RFC_LAST));
    }

    /// The client's side, as any client has it.
    pub(in crate::access) fn prove(
        hash: Hash,
        password: &[u8],
        first_bare: &str,
        answer: &str,
    ) -> String {
        let field = |name| answer.split(',').find_map(|it| it.strip_prefix(name));
        let salt = bytes(field("s=").expect("a salt"));
        let iterations = field("i=").and_then(|it| it.parse().ok());
        let nonce = field("r=").expect("a nonce");
        let salted = hash.stretch(password, &salt, iterations.expect("a number"));
        let client_key = hash.hmac(&salted, b"Client Key");
        let unproven = format!("c=biws,r={nonce}");
        let said = format!("{first_bare},{answer},{unproven}");
        let signature = hash.hmac(&hash.digest(&client_key), said.as_bytes());
        let proof = client_key
            .iter()
            .zip(&signature)
            .map(|(one, other)| one ^ other);
        let proof = STANDARD.encode(proof.collect::<Vec<_>>());
        format!("{unproven},p={proof}")
    }

    #[test]
    fn who_has_the_password_gets_in_and_nobody_else() {
        for hash in [Hash::Sha256, Hash::Sha512] {
            let credential = Credential::derive(hash, b"pencil", b"salt", 4096);
            let first = First::parse(b"y,a=a=2Cb=3D,n=a=2Cb=3D,r=abc").expect("in order");
            assert_eq!(first.name, "a,b=");
            let first = First::parse(b"n,,n=ann,r=abc").expect("in order");
            let (answer, challenge) = first.challenge(hash, credential, "def");
            let right = prove(hash, b"pencil", "n=ann,r=abc", &answer);
            let wrong = prove(hash, b"Pencil", "n=ann,r=abc", &answer);
            assert_eq!(
                challenge.clone().finish(wrong.as_bytes()),
                Err(BadMessage::Proof)
            );
            let last = challenge.clone().finish(right.as_bytes());
            assert!(last.expect("it is right").starts_with("v="));
            // What was said in one conversation is worth nothing in another.
            let first = First::parse(b"n,,n=ann,r=abc").expect("in order");
            let credential = Credential::derive(hash, b"pencil", b"salt", 4096);
            let (_, other) = first.challenge(hash, credential, "xyz");
            other.finish(right.as_bytes()).expect_err("it was replayed");
            for cut in 0..right.len() {
                let cut = challenge.clone().finish(&right.as_bytes()[..cut]);
                cut.expect_err("it was cut");
            }
        }
    }

    #[test]
    fn what_is_not_served_is_told_apart_from_what_is_wrong() {
        let refused = |message: &str| First::parse(message.as_bytes()).expect_err(message);
        assert!(matches!(
            refused("p=tls-unique,,n=u,r=a"),
            Unserved("channel binding")
        ));
        assert!(matches!(refused("n,a=root,n=u,r=a"), Unserved(_)));
        assert!(matches!(refused("n,,m=x,n=u,r=a"), Unserved(_)));
        assert!(matches!(refused("n,,n=u,r=a,tokenauth=true"), Unserved(_)));
        for wrong in [
            "",
            "n",
            "n,",
            "n,,",
            "n,,n=u",
            "n,,n=,r=a",
            "n,,n=a=b,r=a",
            "n,,r=a,n=u",
            "n,,n=u,r=",
            "n,,n=u,r=a b",
            "q,,n=u,r=a",
            "n,b,n=u,r=a",
            "n,,n=u,r=a,x",
        ] {
            assert!(matches!(refused(wrong), Form(_)), "{wrong}");
        }
        First::parse(&[0xFF; 40]).expect_err("no UTF-8");
        First::parse(&[b'a'; MESSAGE_BYTES_MAX + 1]).expect_err("too long");
    }

    proptest! {
        #![proptest_config(cases(256))]
        #[test]
        fn no_message_is_taken_that_proves_nothing(
            first in "[nyp=a,]{0,6}(n=[a-c=,23CD]{0,6})?(,r=[!-~]{0,6})?[ -~]{0,8}",
            second in "(c=biws)?[ -~]{0,30}(,p=[A-Za-z0-9+/=]{0,50})?",
            raw in proptest::collection::vec(any::<u8>(), 0..60),
        ) {
            let _ = First::parse(&raw);
            if let Ok(first) = First::parse(first.as_bytes()) {
                prop_assert!(!first.name.is_empty() && is_nonce(&first.nonce));
            }
            let (_, challenge) = rfc_challenge();
            challenge.clone().finish(&raw).expect_err("it proves nothing");
            challenge.finish(second.as_bytes()).expect_err("it proves nothing");
        }
    }
}

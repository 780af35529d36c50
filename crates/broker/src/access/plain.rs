//! PLAIN (RFC 4616): a name and a password in one message, so for connections alone on which nobody listens in.

use super::scram::{BadMessage, MESSAGE_BYTES_MAX};

/// Reads `[who to act for] NUL name NUL password`.
pub(super) fn parse(message: &[u8]) -> Result<(&str, &str), BadMessage> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(BadMessage::Form("it is too long"));
    }
    let text = std::str::from_utf8(message).map_err(|_| BadMessage::Form("it is no UTF-8"))?;
    let mut parts = text.split('\0');
    let (acts_for, name, password) = match (parts.next(), parts.next(), parts.next(), parts.next())
    {
        (Some(acts_for), Some(name), Some(password), None) => (acts_for, name, password),
        _ => return Err(BadMessage::Form("it has not three parts")),
    };
    if name.is_empty() || password.is_empty() {
        return Err(BadMessage::Form("it has no name or no password"));
    }
    match acts_for.is_empty() || acts_for == name {
        true => Ok((name, password)),
        false => Err(BadMessage::Unserved("acting for another user")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_a_name_and_a_password() {
        assert_eq!(parse(b"\0ann\0secret"), Ok(("ann", "secret")));
        assert_eq!(parse(b"ann\0ann\0 "), Ok(("ann", " ")));
        for wrong in [
            &b""[..],
            b"ann",
            b"\0ann",
            b"\0ann\0",
            b"\0\0secret",
            b"\0ann\0a\0b",
            b"root\0ann\0secret",
            b"\0ann\0\xFF",
        ] {
            parse(wrong).expect_err("it is wrong");
        }
        parse(&[b'a'; MESSAGE_BYTES_MAX + 1]).expect_err("too long");
    }
}

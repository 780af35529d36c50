//! How ranges, scans and partials travel: JSON with a version and a checksum.
//!
//! ```text
//! {"tamis":"partial","version":2,"xxh3":"<32 hex digits of the body's text>","body":{...}}
//! ```
//!
//! The checksum is there because a flipped digit in JSON is still JSON, and a count that is wrong by a million looks
//! like any other. It covers the text of the body, so these bytes are kept as they are and not written anew by
//! another JSON library. The body's fields are described in `docs/partial.md`.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_128;

use super::PartialError;

/// Version of all serialised forms; grows when a field changes its meaning, comes or goes.
pub const PARTIAL_VERSION: u64 = 2;

/// What stands between the head and the body.
const BODY: &str = ",\"body\":";

#[derive(Serialize, Deserialize)]
struct Head {
    tamis: String,
    version: u64,
    xxh3: String,
}

/// The bytes that stand for `body`, which is a `what`.
pub(super) fn seal<T: Serialize>(what: &'static str, body: &T) -> Vec<u8> {
    let body = serde_json::to_string(body).expect("plain values are always JSON");
    let head = Head {
        tamis: what.to_owned(),
        version: PARTIAL_VERSION,
        xxh3: checksum(&body),
    };
    let mut text = serde_json::to_string(&head).expect("plain values are always JSON");
    text.pop();
    text.push_str(BODY);
    text.push_str(&body);
    text.push('}');
    text.into_bytes()
}

/// The `what` that `bytes` stand for.
pub(super) fn unseal<T: DeserializeOwned>(
    what: &'static str,
    bytes: &[u8],
) -> Result<T, PartialError> {
    let unreadable = |reason: String| PartialError::Unreadable { what, reason };
    let text = std::str::from_utf8(bytes).map_err(|error| unreadable(error.to_string()))?;
    let parts = text
        .split_once(BODY)
        .and_then(|(head, rest)| Some((head, rest.strip_suffix('}')?)));
    let Some((head, body)) = parts else {
        return Err(unreadable(
            "they are cut short or something else".to_owned(),
        ));
    };
    let head: Head = serde_json::from_str(&format!("{head}}}"))
        .map_err(|error| unreadable(error.to_string()))?;
    if head.tamis != what {
        return Err(unreadable(format!(
            "they are a serialised `{}`",
            head.tamis
        )));
    }
    // Before the body is looked at: another version may have other fields.
    if head.version != PARTIAL_VERSION {
        return Err(PartialError::Version {
            what,
            found: head.version,
            expected: PARTIAL_VERSION,
        });
    }
    if head.xxh3 != checksum(body) {
        return Err(unreadable(
            "the checksum does not match, they were damaged on the way".to_owned(),
        ));
    }
    serde_json::from_str(body).map_err(|error| unreadable(error.to_string()))
}

fn checksum(body: &str) -> String {
    format!("{:032x}", xxh3_128(body.as_bytes()))
}

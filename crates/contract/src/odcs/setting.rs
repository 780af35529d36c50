//! A contract as the value of a setting, such as those of a topic: its text, or, where that is too long for one, its text packed.
//!
//! In requests of old versions Kafka's strings end at 32,767 bytes. A text above [`SETTING_BYTES_MAX`] is written as `zstd:` and the
//! text, packed by zstd, in base64; contracts pack to a tenth or so. What comes packed says nothing of how long it becomes, so
//! nothing is unpacked beyond [`SETTING_TEXT_BYTES_MAX`].
//!
//! ```
//! use tamis_contract::odcs::{from_setting, to_setting};
//!
//! let long = "# a comment\n".repeat(10_000);
//! let value = to_setting(&long)?;
//! assert!(value.starts_with("zstd:"));
//! assert_eq!(from_setting(&value)?, long);
//! # Ok::<(), tamis_contract::odcs::BadSetting>(())
//! ```

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The longest value.
pub const SETTING_BYTES_MAX: usize = 32_000;

/// The longest text in a value.
pub const SETTING_TEXT_BYTES_MAX: usize = 1 << 20;

/// How a value begins that is packed; no YAML of a contract does.
const PACKED: &str = "zstd:";

/// It is made once and kept for long.
const LEVEL: i32 = 19;

/// Why a text cannot be a setting, or a setting is no text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadSetting {
    /// The text is longer than any setting may hold.
    #[error(
        "the contract has {found} bytes, and a setting takes {SETTING_TEXT_BYTES_MAX} (take comments and descriptions out of it)"
    )]
    TooLong {
        /// Bytes of the text.
        found: usize,
    },
    /// The text is too long, also when it is packed.
    #[error(
        "the contract has {found} bytes when it is packed, and a setting takes {SETTING_BYTES_MAX} (take comments and descriptions out of it)"
    )]
    TooLongPacked {
        /// Bytes of the value.
        found: usize,
    },
    /// The value begins as one that is packed, and is none.
    #[error("what begins with `{PACKED}` is not a contract that was packed: {0}")]
    NotPacked(String),
}

/// The value of a text, which is always the same for the same text.
///
/// # Errors
/// [`BadSetting::TooLong`], [`BadSetting::TooLongPacked`].
pub fn to_setting(text: &str) -> Result<Cow<'_, str>, BadSetting> {
    if text.len() > SETTING_TEXT_BYTES_MAX {
        return Err(BadSetting::TooLong { found: text.len() });
    }
    if text.len() <= SETTING_BYTES_MAX {
        return Ok(Cow::Borrowed(text));
    }
    let packed = zstd::bulk::compress(text.as_bytes(), LEVEL);
    let packed = packed.map_err(|error| BadSetting::NotPacked(error.to_string()))?;
    let value = format!("{PACKED}{}", STANDARD.encode(packed));
    match value.len() <= SETTING_BYTES_MAX {
        true => Ok(Cow::Owned(value)),
        false => Err(BadSetting::TooLongPacked { found: value.len() }),
    }
}

/// The text of a value in either form.
///
/// # Errors
/// [`BadSetting::TooLong`], [`BadSetting::NotPacked`].
pub fn from_setting(value: &str) -> Result<Cow<'_, str>, BadSetting> {
    let bad = |error: &dyn std::fmt::Display| BadSetting::NotPacked(error.to_string());
    let Some(packed) = value.strip_prefix(PACKED) else {
        return match value.len() <= SETTING_TEXT_BYTES_MAX {
            true => Ok(Cow::Borrowed(value)),
            false => Err(BadSetting::TooLong { found: value.len() }),
        };
    };
    let packed = STANDARD.decode(packed.trim()).map_err(|it| bad(&it))?;
    let text = zstd::bulk::decompress(&packed, SETTING_TEXT_BYTES_MAX).map_err(|it| bad(&it))?;
    let text = String::from_utf8(text).map_err(|it| bad(&it))?;
    Ok(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_text_comes_back(line in "[a-zé: ]{0,60}", count in 0..3_000usize) {
            let text = format!("{line}\n").repeat(count);
            let value = to_setting(&text);
            let value = value.expect("so much repetition packs well");
            prop_assert!(value.len() <= SETTING_BYTES_MAX);
            prop_assert_eq!(value.starts_with(PACKED), text.len() > SETTING_BYTES_MAX);
            let unpacked = from_setting(&value).expect("it was packed");
            prop_assert_eq!(&*unpacked, &text);
        }

        #[test]
        fn whatever_comes_is_unpacked_or_refused(bytes in proptest::collection::vec(any::<u8>(), 1..200)) {
            let value = format!("{PACKED}{}", STANDARD.encode(bytes));
            let unpacked = from_setting(&value);
            prop_assert!(unpacked.is_err_and(|it| matches!(it, BadSetting::NotPacked(_))));
        }
    }

    #[test]
    fn what_bursts_is_refused() {
        let bomb = zstd::bulk::compress(&vec![b' '; SETTING_TEXT_BYTES_MAX + 1], LEVEL);
        let value = format!("{PACKED}{}", STANDARD.encode(bomb.expect("it is packed")));
        assert!(value.len() < 1000);
        assert!(matches!(
            from_setting(&value),
            Err(BadSetting::NotPacked(_))
        ));
        let found = SETTING_TEXT_BYTES_MAX + 1;
        let long = " ".repeat(found);
        assert_eq!(to_setting(&long), Err(BadSetting::TooLong { found }));
        assert_eq!(from_setting(&long), Err(BadSetting::TooLong { found }));
    }

    #[test]
    fn what_does_not_pack_is_refused() {
        let mut random = fastrand::Rng::with_seed(7);
        let text: String = (0..100_000).map(|_| random.alphanumeric()).collect();
        let refused = to_setting(&text);
        assert!(matches!(refused, Err(BadSetting::TooLongPacked { .. })));
    }
}

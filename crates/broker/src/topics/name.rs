//! What a topic may be called: what Kafka takes, which is also what file names can be.

/// The longest name, as in Kafka.
const NAME_BYTES_MAX: usize = 249;

/// Why a topic cannot have a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// There is none.
    #[error("a topic's name cannot be empty")]
    Empty,
    /// It is a folder of every file system.
    #[error("a topic cannot be called `{0}`")]
    Dots(String),
    /// It has too many bytes.
    #[error("a topic's name of {0} bytes, {NAME_BYTES_MAX} are taken")]
    Long(usize),
    /// It has characters that are not taken.
    #[error("topic `{0}`: a name is made of letters of ASCII, digits, `.`, `_` and `-`")]
    Character(String),
}

/// Whether a topic may have this name.
///
/// # Errors
/// Why it may not.
pub fn check_name(name: &str) -> Result<(), BadName> {
    let is_taken = |it: u8| it.is_ascii_alphanumeric() || matches!(it, b'.' | b'_' | b'-');
    match name {
        "" => Err(BadName::Empty),
        "." | ".." => Err(BadName::Dots(name.to_owned())),
        _ if name.len() > NAME_BYTES_MAX => Err(BadName::Long(name.len())),
        _ if !name.bytes().all(is_taken) => Err(BadName::Character(name.to_owned())),
        _ => Ok(()),
    }
}

//! A password as the only line of a file or of standard input.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tamis_engine::names;

use crate::{Error, Result};

/// More than a password may have.
const BYTES_MAX: u64 = 4096;

/// The only line of a file, without its end.
///
/// # Errors
/// [`Error::Read`]; [`Error::Usage`] if there is more than a line, or more than any password has: a part of it would be another one.
pub(crate) fn of_file(path: &Path) -> Result<String> {
    let file = File::open(path).map_err(unread(path))?;
    only_line(file, path)
}

/// The same of what is read from `from`, which is called `name`.
pub(crate) fn only_line(from: impl Read, name: &Path) -> Result<String> {
    let mut text = String::new();
    let mut limited = from.take(BYTES_MAX + 1);
    limited.read_to_string(&mut text).map_err(unread(name))?;
    if text.len() as u64 > BYTES_MAX {
        return Err(wrong(name, "is longer than any password"));
    }
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.contains('\n') {
        true => Err(wrong(name, "has more than one line")),
        false => Ok(line.to_owned()),
    }
}

fn unread(path: &Path) -> impl Fn(io::Error) -> Error {
    move |source| Error::Read {
        path: path.to_owned(),
        source,
    }
}

fn wrong(name: &Path, what: &str) -> Error {
    Error::Usage {
        message: format!("`{}` {what}", names::show(name)),
        hint: Some("its only line is to be the password; a line end behind it does no harm".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line_and_whole() {
        let line = |text: &str| only_line(text.as_bytes(), "password".as_ref());
        for (text, password) in [("a b\n", "a b"), ("a b", "a b"), (" a\r\n", " a"), ("", "")] {
            assert_eq!(line(text).expect("one line"), password);
        }
        let longest = "a".repeat(BYTES_MAX as usize);
        assert_eq!(line(&longest).expect("one line"), longest);
        for (text, expected) in [
            ("a\nb\n", "has more than one line"),
            ("a\n\n", "has more than one line"),
            (&format!("{longest}a"), "is longer than any password"),
        ] {
            let refused = line(text).expect_err("it is none").to_string();
            assert_eq!(refused, format!("`password` {expected}"));
        }
    }
}

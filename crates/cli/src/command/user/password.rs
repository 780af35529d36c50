//! Where a password comes from: a terminal that does not show it, or one line of a file or of standard input.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Stdin};
use std::os::fd::AsFd;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tamis_broker::access::check_new_password;

use super::{failed, usage};
use crate::{Context, Error, Result};

/// Nobody types more, and it is more than a password may have.
const BYTES_MAX: u64 = 4096;

/// Between two looks a signal is noticed.
const STEP_MS: u8 = 100;

pub(super) fn read(file: Option<&Path>, context: &Context<'_>) -> Result<String> {
    let stdin = io::stdin();
    let password = match file {
        Some(path) if path != Path::new("-") => {
            let failed = |source| Error::Read {
                path: path.to_owned(),
                source,
            };
            line_of(File::open(path).map_err(failed)?).map_err(failed)?
        }
        None if stdin.is_terminal() => return asked(&stdin, context),
        _ => line_of(stdin.lock()).map_err(of_input)?,
    };
    check_new_password(&password).map_err(failed)?;
    Ok(password)
}

fn of_input(source: io::Error) -> Error {
    Error::Read {
        path: "standard input".into(),
        source,
    }
}

/// The only line there is.
fn line_of(from: impl Read) -> io::Result<String> {
    let mut text = String::new();
    from.take(BYTES_MAX).read_to_string(&mut text)?;
    let line = text.strip_suffix('\n').unwrap_or(&text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    match line.contains('\n') {
        true => Err(io::Error::other("a password is one line")),
        false => Ok(line.to_owned()),
    }
}

/// What somebody types twice.
fn asked(stdin: &Stdin, context: &Context<'_>) -> Result<String> {
    let _hidden = Hidden::start(stdin).map_err(of_input)?;
    let password = typed(stdin, "Password:", context)?;
    check_new_password(&password).map_err(failed)?;
    match typed(stdin, "The same again:", context)? == password {
        true => Ok(password),
        false => Err(usage(
            "these were two passwords".to_owned(),
            "nothing was changed: try again",
        )),
    }
}

fn typed(stdin: &Stdin, prompt: &str, context: &Context<'_>) -> Result<String> {
    context.printer.say(prompt);
    loop {
        context.cancel.check()?;
        let mut descriptors = [PollFd::new(stdin.as_fd(), PollFlags::POLLIN)];
        let ready = poll(&mut descriptors, PollTimeout::from(STEP_MS));
        // Nothing yet, or a signal: it is looked at above.
        if !matches!(ready, Ok(1)) {
            continue;
        }
        let mut line = String::new();
        let mut input = stdin.lock().take(BYTES_MAX);
        input.read_line(&mut line).map_err(of_input)?;
        return Ok(line.trim_end_matches(['\r', '\n']).to_owned());
    }
}

/// A terminal that does not show what is typed, until this is dropped.
struct Hidden<'s> {
    stdin: &'s Stdin,
    before: Termios,
}

impl Hidden<'_> {
    fn start(stdin: &Stdin) -> io::Result<Hidden<'_>> {
        let before = tcgetattr(stdin)?;
        let mut hidden = before.clone();
        hidden.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(stdin, SetArg::TCSAFLUSH, &hidden)?;
        Ok(Hidden { stdin, before })
    }
}

impl Drop for Hidden<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing anyway.
        let _ = tcsetattr(self.stdin, SetArg::TCSAFLUSH, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_one_line() {
        let line = |text: &str| line_of(text.as_bytes()).ok();
        for (text, password) in [("a b\n", "a b"), ("a b", "a b"), (" a\r\n", " a"), ("", "")] {
            assert_eq!(line(text).as_deref(), Some(password));
        }
        assert_eq!(line("a\nb\n"), None);
        assert_eq!(line("a\n\n"), None);
    }
}

//! Where a password comes from: a terminal that does not show it, or one line of a file or of standard input.

use std::io::{self, BufRead, IsTerminal, Read, Stdin};
use std::os::fd::AsFd;
use std::path::Path;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use tamis_broker::access::check_new_password;

use super::{failed, usage};
use crate::{Context, Error, Result, password};

const STANDARD_INPUT: &str = "standard input";

/// Nobody types more, and it is more than a password may have.
const BYTES_MAX: u64 = 4096;

/// Between two looks a signal is noticed.
const STEP_MS: u8 = 100;

pub(super) fn read(file: Option<&Path>, context: &Context<'_>) -> Result<String> {
    let stdin = io::stdin();
    let file = file.filter(|it| *it != Path::new("-"));
    let password = match file {
        Some(path) => password::of_file(path)?,
        None if stdin.is_terminal() => return asked(&stdin, context),
        None => password::only_line(stdin.lock(), STANDARD_INPUT.as_ref())?,
    };
    check_new_password(&password).map_err(failed)?;
    Ok(password)
}

fn of_input(source: io::Error) -> Error {
    Error::Read {
        path: STANDARD_INPUT.into(),
        source,
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

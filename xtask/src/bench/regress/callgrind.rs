//! Runs a program under callgrind and counts the instructions of its own code.
//!
//! Instructions of the C library and of the loader are left out: glibc chooses its `memcpy` by the CPU and has another one in
//! each version, while the code of our own binary is the same everywhere. So the number depends on the compiler, on
//! the input and on what valgrind says the CPU can do, which is AVX2 at most, and always the same for any CPU that
//! has AVX2.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::command::program;
use crate::{Result, debian};

/// Finds valgrind, or installs it.
pub(super) fn require_valgrind() -> Result<()> {
    match version() {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == ErrorKind::NotFound => debian::install(
            "valgrind",
            "instructions are counted by valgrind, and there is none",
        ),
        Err(error) => Err(format!("cannot start `valgrind`: {error}")),
    }
}

fn version() -> std::io::Result<std::process::Output> {
    program("valgrind").arg("--version").output()
}

/// A program to be counted.
#[derive(Debug)]
pub(super) struct Program<'a> {
    pub(super) path: &'a Path,
    pub(super) arguments: Vec<String>,
    /// Count calls of this function only, each of them on its own, instead of the whole program.
    pub(super) function: Option<&'a str>,
}

impl Program<'_> {
    /// What the program printed, and its instructions: of each call in order, or of the whole run.
    pub(super) fn count(&self, folder: &Path) -> Result<(String, Vec<u64>)> {
        let error = |path: &Path, error| format!("{}: {error}", path.display());
        if folder.exists() {
            fs::remove_dir_all(folder).map_err(|e| error(folder, e))?;
        }
        fs::create_dir_all(folder).map_err(|e| error(folder, e))?;
        let output = self.command(folder).output();
        let output = output.map_err(|error| format!("cannot start `valgrind`: {error}"))?;
        // 1 is the answer that rows are bad.
        if !matches!(output.status.code(), Some(0 | 1)) {
            let talk = String::from_utf8_lossy(&output.stderr);
            return Err(format!(
                "{}: {}\n{talk}",
                self.path.display(),
                output.status
            ));
        }
        let mut counts = Vec::new();
        for path in self.profiles(folder)? {
            let profile = fs::read_to_string(&path).map_err(|e| error(&path, e))?;
            counts.push(instructions_of(&profile, self.path));
        }
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), counts))
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = program("valgrind");
        command.args([
            "--tool=callgrind",
            "--compress-strings=no",
            "--compress-pos=no",
        ]);
        command.arg(format!(
            "--callgrind-out-file={}",
            folder.join("profile").display()
        ));
        if let Some(function) = self.function {
            command.arg(format!("--toggle-collect={function}"));
            command.arg(format!("--dump-after={function}"));
        }
        command.arg(self.path).args(&self.arguments);
        // Whatever the caller has set, `GLIBC_TUNABLES` or colours: it is not part of what is measured.
        let path = std::env::var_os("PATH").unwrap_or_default();
        command.env_clear().env("PATH", path);
        command.stdin(Stdio::null());
        command
    }

    /// The files that callgrind wrote: `profile.1`, `profile.2` ... after each call, and `profile` at the end.
    fn profiles(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        if self.function.is_none() {
            return Ok(vec![folder.join("profile")]);
        }
        let numbered = (1..).map(|number| folder.join(format!("profile.{number}")));
        Ok(numbered.take_while(|path| path.exists()).collect())
    }
}

/// The instructions that a profile counts for the code of `binary`.
///
/// A line of numbers is a position and a cost, and belongs to the object file named last (`ob=`); the one after a line
/// with `calls=` says what the called functions cost, which they say themselves too.
/// <https://valgrind.org/docs/manual/cl-format.html>
fn instructions_of(profile: &str, binary: &Path) -> u64 {
    let binary = binary.to_string_lossy();
    let (mut is_ours, mut is_call, mut sum) = (false, false, 0);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_ours = object == binary;
        } else if line.starts_with("calls=") {
            is_call = true;
        } else if line.starts_with(|c: char| c.is_ascii_digit()) {
            let cost = line
                .split_once(' ')
                .and_then(|(_, cost)| cost.parse::<u64>().ok());
            if is_ours && !is_call {
                sum += cost.unwrap_or(0);
            }
            is_call = false;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_code_of_the_binary_counts() {
        let profile = "\
positions: line
events: Ir
summary: 180

ob=/bin/tamis
fl=main.rs
fn=main
3 20
cob=/lib/libc.so.6
cfn=memcpy
calls=2 7
4 100
5 30

ob=/lib/libc.so.6
fn=memcpy
7 100

ob=/bin/tamis
fn=other
0 30

totals: 180
";
        assert_eq!(instructions_of(profile, Path::new("/bin/tamis")), 80);
        assert_eq!(instructions_of(profile, Path::new("/bin/other")), 0);
    }
}

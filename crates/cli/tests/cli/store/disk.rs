//! A disk that is small: it gets full, and can be made read-only.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Drops;
use crate::shell::{Ran, skip};

/// A shell for which a small disk is mounted at `disk`, in a mount namespace of its own, so that nothing stays mounted whatever
/// happens.
pub(super) struct SmallDisk<'d> {
    drops: &'d Drops,
    shell: Child,
    scripts: ChildStdin,
    codes: BufReader<ChildStdout>,
}

impl SmallDisk<'_> {
    /// One of this size (`6m`); `None` without the right to mount, and then the test is [skipped](skip).
    pub(super) fn new<'d>(drops: &'d Drops, size: &str) -> Option<SmallDisk<'d>> {
        let mounted = SmallDisk::try_new(drops, size);
        if mounted.is_none() {
            skip("no right to mount");
        }
        mounted
    }

    fn try_new<'d>(drops: &'d Drops, size: &str) -> Option<SmallDisk<'d>> {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh"]);
        command.current_dir(&drops.0.folder);
        command.env("TAMIS", env!("CARGO_BIN_EXE_tamis"));
        command
            .env("NO_COLOR", "1")
            .env("XDG_CONFIG_HOME", "/nowhere");
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut shell = command.stderr(Stdio::null()).spawn().ok()?;
        let mut disk = SmallDisk {
            drops,
            scripts: shell.stdin.take().expect("it is piped"),
            codes: BufReader::new(shell.stdout.take().expect("it is piped")),
            shell,
        };
        let mount = format!("mkdir disk && mount -t tmpfs -o size={size} none disk");
        let mounted = disk.try_sh(&mount).filter(|it| it.code == Some(0));
        mounted.map(|_| disk)
    }

    /// Runs `tamis store`.
    pub(super) fn store(&mut self, arguments: &str) -> Ran {
        self.tamis(&format!("store {arguments}"))
    }

    /// Runs `tamis`.
    pub(super) fn tamis(&mut self, arguments: &str) -> Ran {
        self.sh(&format!("\"$TAMIS\" {arguments}"))
    }

    /// Runs it, and it succeeds.
    pub(super) fn succeed(&mut self, arguments: &str) -> Ran {
        let ran = self.store(arguments);
        assert_eq!(ran.code, Some(0), "{arguments}: {ran}");
        ran
    }

    /// Runs it, and there is no room for what it writes to the disk: it says so, and where.
    pub(super) fn fail_for_room(&mut self, arguments: &str) -> Ran {
        let ran = self.tamis(arguments);
        assert_eq!(ran.code, Some(3), "{arguments}: {ran}");
        assert!(
            ran.stderr.contains("No space left") && ran.stderr.contains("disk/"),
            "{arguments}: {ran}"
        );
        // Nobody knows the names of drafts.
        assert!(!ran.stderr.contains("store/tmp"), "{arguments}: {ran}");
        ran
    }

    /// Leaves no room.
    pub(super) fn fill(&mut self) {
        let filled = self.sh("dd if=/dev/zero of=disk/filler bs=4k");
        assert!(filled.stderr.contains("No space left"), "{filled}");
    }

    /// Gives back what filling took.
    pub(super) fn make_room(&mut self) {
        assert_eq!(self.sh("rm disk/filler").code, Some(0));
    }

    pub(super) fn make_read_only(&mut self) {
        let remounted = self.sh("mount -o remount,ro disk");
        assert_eq!(remounted.code, Some(0), "{remounted}");
    }

    pub(super) fn sh(&mut self, script: &str) -> Ran {
        self.try_sh(script).expect("the shell is there")
    }

    fn try_sh(&mut self, script: &str) -> Option<Ran> {
        writeln!(self.scripts, "( {script} ) >.stdout 2>.stderr; echo $?").ok()?;
        let mut code = String::new();
        self.codes.read_line(&mut code).ok()?;
        let read = |name| fs::read_to_string(self.drops.path(name));
        Some(Ran {
            code: Some(code.trim().parse().ok()?),
            stdout: read(".stdout").expect("output is UTF-8"),
            stderr: read(".stderr").expect("output is UTF-8"),
        })
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

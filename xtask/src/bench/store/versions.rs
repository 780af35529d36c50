//! Two versions of a folder: added, added again unchanged, restored and verified by each store.

use std::path::Path;

use serde_json::Value;

use super::data::Folder;
use super::shell::{Shell, require_equal, stored_bytes};
use super::tool::Tool;
use crate::Result;
use crate::bench::sources::warm;
use crate::bench::table::median;
use crate::bench::whole::Run;

/// A peer that takes longer to add is run in the first round only.
pub(super) const LONG_SECONDS: f64 = 5.0;

/// What is kept, and by whom.
#[derive(Debug)]
pub(super) struct Subject<'a> {
    pub(super) title: &'static str,
    /// For names of folders.
    pub(super) name: &'static str,
    pub(super) versions: &'a [Folder; 2],
    /// Whether files are what is counted, or else bytes.
    pub(super) counts_files: bool,
    pub(super) entries: Vec<Entry>,
}

/// One tool's part.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) tool: &'static Tool,
    /// In the order of [`STEPS`].
    pub(super) runs: [Vec<Run>; STEPS.len()],
    /// After the first version and after both.
    pub(super) stored_bytes: [u64; 2],
    /// What it says that it read to verify both, if it says so: what they have in common counts once.
    verified_bytes: Option<u64>,
    /// Why the tool is left out.
    pub(super) failure: Option<String>,
}

/// Something to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Add,
    AddUnchanged,
    AddOther,
    Restore,
    Verify,
}

pub(super) const STEPS: [Step; 5] = [
    Step::Add,
    Step::AddUnchanged,
    Step::AddOther,
    Step::Restore,
    Step::Verify,
];

impl Step {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Add => "first add and commit",
            Self::AddUnchanged => "again, unchanged",
            Self::AddOther => "the other version",
            Self::Restore => "restore of the first version",
            Self::Verify => "verify, all data read",
        }
    }
}

impl<'a> Subject<'a> {
    pub(super) fn new(
        title: &'static str,
        name: &'static str,
        versions: &'a [Folder; 2],
        counts_files: bool,
        tools: &'static [Tool],
    ) -> Self {
        let entries = tools.iter().map(|tool| Entry {
            tool,
            runs: Default::default(),
            stored_bytes: [0; 2],
            verified_bytes: None,
            failure: (!tool.is_there()).then(|| "is not there".to_owned()),
        });
        Self {
            title,
            name,
            versions,
            counts_files,
            entries: entries.collect(),
        }
    }

    /// One round of every tool.
    pub(super) fn run_once(&mut self, shell: &Shell, round: usize) -> Result<()> {
        for (index, entry) in self.entries.iter_mut().enumerate() {
            let first = entry.runs[0].first();
            let is_long = first.is_some_and(|run| run.seconds > LONG_SECONDS);
            if entry.failure.is_some() || is_long && !entry.tool.is_tamis() {
                continue;
            }
            let name = format!("{}-{round}-{index}", self.name);
            entry.run_once(shell, &name, self.versions)?;
        }
        Ok(())
    }

    /// What a step is about: as many files and bytes.
    pub(super) fn amount(&self, step: Step) -> (u64, u64) {
        let [one, two] = self.versions;
        match step {
            Step::Add | Step::AddUnchanged | Step::Restore => (one.files, one.bytes),
            Step::AddOther => (two.files, two.bytes),
            Step::Verify => (one.files + two.files, self.verified_bytes()),
        }
    }

    /// The bytes that anybody has to read to verify both versions: what they have in common is stored once.
    fn verified_bytes(&self) -> u64 {
        let told = self.entries.iter().find_map(|entry| entry.verified_bytes);
        told.unwrap_or_default()
    }
}

impl Entry {
    /// The median of a step, if the tool does it.
    pub(super) fn seconds(&self, step: Step) -> Option<f64> {
        let runs = &self.runs[step as usize];
        let seconds = runs.iter().map(|run| run.seconds).collect();
        (!runs.is_empty()).then(|| median(seconds))
    }

    pub(super) fn peak_rss_bytes(&self, step: Step) -> u64 {
        let runs = self.runs[step as usize].iter();
        runs.map(|run| run.peak_rss_bytes).max().unwrap_or_default()
    }

    fn run_once(&mut self, shell: &Shell, name: &str, versions: &[Folder; 2]) -> Result<()> {
        let tool = self.tool;
        let [one, two] = [&versions[0].path, &versions[1].path];
        let store = shell.path(tool.medium, name);
        let out = shell.path(tool.medium, &format!("{name}-out"));
        shell.run(tool.init, &[("{store}", &store)])?;
        for (step, from, version) in [
            (Step::Add, one, "one"),
            (Step::AddUnchanged, one, "again"),
            (Step::AddOther, two, "two"),
        ] {
            // Without a version to restore, there is nothing but writing to time.
            if step == Step::AddUnchanged && tool.restore.is_empty() {
                continue;
            }
            warm(&[from])?;
            let line = tool.add.replace("{version}", version);
            self.time(step, shell, &line, &[("{store}", &store), ("{from}", from)])?;
            match step {
                Step::Add => self.stored_bytes[0] = stored_bytes(&store)?,
                Step::AddOther => self.stored_bytes[1] = stored_bytes(&store)?,
                _ => {}
            }
        }
        if !tool.restore.is_empty() {
            warm(&[&store])?;
            let names = [("{store}", store.as_path()), ("{out}", out.as_path())];
            self.time(Step::Restore, shell, tool.restore, &names)?;
            require_equal(one, &out).map_err(|error| format!("{}: {error}", tool.name))?;
            let printed = self.time(Step::Verify, shell, tool.verify, &names)?;
            let report: Value = serde_json::from_str(&printed).unwrap_or_default();
            self.verified_bytes = report["bytes"].as_u64();
        }
        shell.release(&out)?;
        shell.release(&store)
    }

    /// Times a step; what it printed.
    fn time(
        &mut self,
        step: Step,
        shell: &Shell,
        line: &str,
        names: &[(&str, &Path)],
    ) -> Result<String> {
        let (run, printed) = shell.run(line, names)?;
        let (title, tool) = (step.title(), self.tool.name);
        eprintln!(
            "  {title:30} {tool:30} {:8.3} s {:6.0} MB",
            run.seconds,
            run.peak_rss_bytes as f64 / 1e6,
        );
        self.runs[step as usize].push(run);
        Ok(printed)
    }
}

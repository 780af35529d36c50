//! Every strategy of `add` on four kinds of folders: the one that `auto` takes must not be far from the best.

use super::data::{Data, Folder};
use super::shell::Shell;
use super::tool::{Medium, TAMIS};
use crate::Result;
use crate::bench::sources::warm;
use crate::bench::table::median;

pub(super) const STRATEGIES: [&str; 5] = ["auto", "individual", "batch", "streaming", "hybrid"];

const ADD: &str = "tamis --quiet store --store {store} --work-tree {from} add -A --strategy ";

/// A kind of folder, and the seconds of each round by strategy.
#[derive(Debug)]
pub(super) struct Workload<'a> {
    pub(super) title: &'static str,
    pub(super) folder: &'a Folder,
    seconds: [Vec<f64>; STRATEGIES.len()],
    /// The most of all strategies.
    pub(super) peak_rss_bytes: u64,
}

pub(super) fn workloads(data: &Data) -> Vec<Workload<'_>> {
    let workloads = [
        ("many small", &data.trees[0]),
        ("few large", &data.few),
        ("single large", &data.large[0]),
        ("mixed", &data.mixed),
    ];
    let workloads = workloads.into_iter().map(|(title, folder)| Workload {
        title,
        folder,
        seconds: Default::default(),
        peak_rss_bytes: 0,
    });
    workloads.collect()
}

impl Workload<'_> {
    /// One round of every strategy.
    pub(super) fn run_once(&mut self, shell: &Shell, round: usize) -> Result<()> {
        let from = &self.folder.path;
        // Each has its turn at being the first.
        for turn in 0..STRATEGIES.len() {
            let index = (turn + round) % STRATEGIES.len();
            let strategy = STRATEGIES[index];
            let store = shell.path(
                Medium::Disk,
                &format!("{}-{round}-{strategy}", self.title).replace(' ', "-"),
            );
            warm(&[from])?;
            let names = [("{store}", store.as_path()), ("{from}", from.as_path())];
            shell.run(TAMIS.init, &names)?;
            let (run, _) = shell.run(&format!("{ADD}{strategy}"), &names)?;
            eprintln!("  {:30} {strategy:30} {:8.3} s", self.title, run.seconds);
            self.seconds[index].push(run.seconds);
            self.peak_rss_bytes = run.peak_rss_bytes.max(self.peak_rss_bytes);
            shell.release(&store)?;
        }
        Ok(())
    }

    /// Medians by strategy.
    pub(super) fn medians(&self) -> [f64; STRATEGIES.len()] {
        self.seconds
            .each_ref()
            .map(|seconds| median(seconds.clone()))
    }
}

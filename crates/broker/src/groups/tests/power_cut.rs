//! Whatever a power cut takes, what was durable is there: each offset is what it was then, or what it became later.

use std::sync::Arc;

use nix::libc::EIO;
use proptest::collection::vec;
use proptest::prelude::*;
use tempfile::TempDir;

use super::durability::{Model, commit, found, nobody, open_at};
use super::*;
use crate::disk::RealDisk;
use crate::disk::lossy::LossyDisk;
use crate::testing::cases;

#[derive(Clone, Copy, Debug)]
enum Step {
    Commit(i64),
    /// So much that the log begins another file soon.
    CommitMuch(i64),
    DeleteGroup,
    DeleteTopic,
    Flush,
    Compact,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => any::<i64>().prop_map(Step::Commit),
        3 => any::<i64>().prop_map(Step::CommitMuch),
        1 => Just(Step::DeleteGroup),
        1 => Just(Step::DeleteTopic),
        4 => Just(Step::Flush),
        2 => Just(Step::Compact),
    ];
    vec(step, 1..25)
}

fn take(groups: &Groups, now: Now, step: Step) {
    let commit_to = |group: &str, commits: &[Commit]| {
        // A log that failed takes nothing, and says so.
        let _ = groups.commit(now, group, &nobody(), commits, |_, _| true);
    };
    match step {
        Step::Commit(offset) => {
            let commits = ["a", "b"].map(|it| commit(it, 0, offset, String::new(), now));
            commit_to("group", &commits);
        }
        Step::CommitMuch(offset) => {
            let partitions = 0..80;
            let much = |it| commit("a", it, offset, "x".repeat(4096), now);
            commit_to("large", &partitions.map(much).collect::<Vec<_>>());
        }
        Step::DeleteGroup => drop(groups.delete(now, "large")),
        Step::DeleteTopic => drop(groups.topic_deleted("a")),
        Step::Flush => drop(groups.log().flush()),
        Step::Compact => drop(groups.compact(now)),
    }
}

proptest! {
    #![proptest_config(cases(16))]

    #[test]
    fn a_power_cut_takes_nothing_that_was_durable(
        steps in steps(),
        seed in any::<u64>(),
        fails_after in prop_oneof![3 => Just(u64::MAX), 1 => 0..20_u64],
    ) {
        let root = TempDir::new().expect("a folder");
        let disk = Arc::new(LossyDisk::new(root.path()));
        let groups = open_at(&root.path().join("groups"), disk.clone());
        disk.fail(fails_after, EIO);
        // What there was when the log was so long.
        let mut past = vec![(groups.log().end_offset(), Model::new())];
        for step in steps {
            take(&groups, Now::read(), step);
            past.push((groups.log().end_offset(), found(&groups)));
        }
        let durable = groups.log().durable_offset();
        let first = past.iter().rposition(|it| it.0 <= durable).expect("nothing is durable");
        let after = TempDir::new().expect("a folder");
        disk.crash(seed, after.path());
        let left = open_at(&after.path().join("groups"), Arc::new(RealDisk));
        let left_now = found(&left);
        // Of what was not durable some may be there and some not, so each offset is looked at by itself.
        let keys = past.iter().flat_map(|it| it.1.keys()).chain(left_now.keys());
        for key in keys {
            let is_past = past[first..].iter().any(|it| it.1.get(key) == left_now.get(key));
            prop_assert!(is_past, "{:?}, durable was {} of {}", key, first, past.len());
        }
        take(&left, Now::read(), Step::Commit(7));
        let key = ("group".to_owned(), "b".to_owned(), 0);
        prop_assert_eq!(found(&left).get(&key).map(|it| it.0), Some(7));
    }
}

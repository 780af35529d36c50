//! Offsets go when nobody has read their topic for long, whether their group is empty or reads others.

use tempfile::TempDir;

use super::durability::{commit, found, open, put};
use super::*;

const WEEK_MS: i64 = 7 * 24 * 60 * 60 * 1000;

fn after(now: Now, ms: i64) -> Now {
    Now {
        at: now.at,
        ms: now.ms + ms,
    }
}

/// A member that reads these topics, as consumers say it.
fn reads(topics: &[&str]) -> Join {
    let mut metadata = vec![0, 1];
    metadata.extend_from_slice(&(topics.len() as u32).to_be_bytes());
    for topic in topics {
        metadata.extend_from_slice(&(topic.len() as u16).to_be_bytes());
        metadata.extend_from_slice(topic.as_bytes());
    }
    metadata.extend_from_slice(&(-1_i32).to_be_bytes());
    Join {
        protocols: vec![("range".to_owned(), metadata.into())],
        ..new_join()
    }
}

/// Whose offsets are left.
fn left(groups: &Groups) -> Vec<String> {
    found(groups).into_keys().map(|it| it.1).collect()
}

#[test]
fn offsets_go_that_a_group_with_members_does_not_read_any_more() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let mut soon = commit("read", 1, 5, String::new(), now);
    soon.committed.expires_ms = Some(now.ms + 1000);
    let commits = ["read", "unread"].map(|it| commit(it, 0, 5, String::new(), now));
    put(&groups, now, "group", &[&commits[..], &[soon]].concat());
    let mut joining = groups.join(now, "group", reads(&["read", "other"]));
    let moment = Now {
        at: now.at + MOMENT,
        ms: now.ms,
    };
    groups.advance(moment);
    let joined = ready_join(&mut joining);
    // Until it is told what to do, nobody knows what it will read.
    groups.expire(after(now, 2 * WEEK_MS));
    assert_eq!(left(&groups), ["read", "read", "unread"]);
    let sync = Sync {
        identity: identity(&joined),
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    };
    let mut synced = groups.sync(moment, "group", sync);
    assert!(matches!(synced.try_recv(), Ok(Ok(_))));
    groups.expire(after(now, WEEK_MS - 1));
    assert_eq!(left(&groups), ["read", "read", "unread"]);
    groups.expire(after(now, WEEK_MS));
    assert_eq!(left(&groups), ["read", "read"]);
    // What is read stays, whatever an old client asked for.
    groups.expire(after(now, 100 * WEEK_MS));
    assert_eq!(left(&groups), ["read", "read"]);
}

#[test]
fn members_that_say_nothing_of_topics_keep_all_offsets() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    put(
        &groups,
        now,
        "group",
        &[commit("topic", 0, 5, String::new(), now)],
    );
    let _joined = groups.join(
        now,
        "group",
        Join {
            protocol_type: "connect".to_owned(),
            ..new_join()
        },
    );
    groups.expire(after(now, 2 * WEEK_MS));
    assert_eq!(left(&groups), ["topic"]);
}

//! Calendars made by hand.

use super::*;
use crate::id::ObjectId;
use crate::tree::{NodeRef, Totals};

/// Commits made at these times ("2026-01-31T23:30+02:00"), in the order given; the first has the id 0, and so on.
fn commits(times: &[&str]) -> Vec<(CommitId, Commit)> {
    let commit = |time: &str| {
        let (clock, offset) = time.split_at(16);
        let clock: DateTime = format!("{clock}:00").parse().expect("a time");
        let hours: i16 = offset[..3].parse().expect("hours");
        let minutes: i16 = offset[4..].parse().expect("minutes");
        let offset_minutes = hours * 60 + minutes * hours.signum();
        let offset = Offset::from_seconds(i32::from(offset_minutes) * 60).expect("an offset");
        let time = offset.to_timestamp(clock).expect("a time");
        Commit {
            root: NodeRef {
                id: ObjectId([0; 32]),
                height: 0,
            },
            totals: Totals::default(),
            parents: Vec::new(),
            time_ns: i64::try_from(time.as_nanosecond()).expect("it is of our time"),
            offset_minutes,
            author: String::new(),
            message: String::new(),
            new_chunks: 0,
            new_plain_bytes: 0,
            stored_bytes: 0,
        }
    };
    let commits = times.iter().enumerate();
    commits
        .map(|(number, time)| (CommitId([number as u8; 32]), commit(time)))
        .collect()
}

/// Numbers of the commits that are kept, the newest first.
fn kept(policy: ForgetPolicy, times: &[&str]) -> Vec<u8> {
    let judged = policy.judge(commits(times), None, &[]);
    assert_eq!(judged.kept.len() + judged.forgotten.len(), times.len());
    judged.kept.iter().map(|(id, _)| id.0[0]).collect()
}

fn none() -> ForgetPolicy {
    ForgetPolicy::default()
}

#[test]
fn the_newest_of_each_day_that_has_one() {
    let times = [
        "2026-03-01T09:00+00:00",
        "2026-03-01T17:00+00:00",
        "2026-03-04T10:00+00:00",
        "2026-03-04T10:05+00:00",
        "2026-03-09T00:00+00:00",
    ];
    let daily = |number| ForgetPolicy {
        daily: Some(number),
        ..none()
    };
    assert!(kept(daily(0), &times).is_empty());
    assert_eq!(kept(daily(1), &times), [4]);
    assert_eq!(kept(daily(2), &times), [4, 3]);
    assert_eq!(kept(daily(3), &times), [4, 3, 1]);
    assert_eq!(kept(daily(30), &times), [4, 3, 1]);
}

#[test]
fn a_day_is_that_of_the_place() {
    // The same half hour in UTC, on two days where they were made; and 23 hours apart on the same day of theirs.
    let times = [
        "2026-03-01T23:50+02:00",
        "2026-03-02T00:10+02:00",
        "2026-03-02T23:10+02:00",
    ];
    let daily = ForgetPolicy {
        daily: Some(9),
        ..none()
    };
    assert_eq!(kept(daily, &times), [2, 0]);
}

#[test]
fn weeks_begin_on_mondays_and_belong_to_the_year_of_their_thursday() {
    let times = [
        "2024-12-29T12:00+00:00", // Sunday: the last day of week 52.
        "2024-12-30T12:00+00:00", // Monday: week 1 of 2025.
        "2025-01-05T12:00+00:00", // Sunday of the same week.
        "2025-01-06T12:00+00:00",
    ];
    let weekly = ForgetPolicy {
        weekly: Some(9),
        ..none()
    };
    assert_eq!(kept(weekly, &times), [3, 2, 0]);
}

#[test]
fn rules_add_up() {
    let times = [
        "2024-06-01T12:00+00:00",
        "2025-11-30T12:00+00:00",
        "2025-12-31T23:59+00:00",
        "2026-01-01T00:00+00:00",
        "2026-01-01T00:30+00:00",
        "2026-01-01T01:30+00:00",
    ];
    let rule = |set: fn(&mut ForgetPolicy)| {
        let mut policy = none();
        set(&mut policy);
        kept(policy, &times)
    };
    assert_eq!(rule(|it| it.last = Some(2)), [5, 4]);
    assert_eq!(rule(|it| it.hourly = Some(3)), [5, 4, 2]);
    assert_eq!(rule(|it| it.monthly = Some(3)), [5, 2, 1]);
    assert_eq!(rule(|it| it.yearly = Some(9)), [5, 2, 0]);
    let both = |it: &mut ForgetPolicy| (it.last, it.yearly) = (Some(2), Some(3));
    assert_eq!(rule(both), [5, 4, 2, 0]);
}

#[test]
fn the_head_and_what_has_a_tag_stay_and_say_why() {
    let times = ["2026-01-01T00:00+00:00", "2026-01-02T00:00+00:00"];
    let [old, new] = [CommitId([0; 32]), CommitId([1; 32])];
    let tags = [("v1".to_owned(), old)];
    let policy = ForgetPolicy {
        last: Some(0),
        ..none()
    };
    let judged = policy.judge(commits(&times), Some(new), &tags);
    let tag = Reason::Tag("v1".to_owned());
    assert_eq!(judged.kept, [(new, vec![Reason::Head]), (old, vec![tag])]);
    let careless = ForgetPolicy {
        keep_tags: false,
        ..policy
    };
    let judged = careless.judge(commits(&times), Some(new), &tags);
    assert_eq!(judged.forgotten, [old]);
}

//! Members go on after a restart of the broker, and what they cost while they do nothing but live.

use tempfile::TempDir;

use super::durability::open;
use super::*;

fn later(now: Now, time: Duration) -> Now {
    Now {
        at: now.at + time,
        ms: now.ms + time.as_millis() as i64,
    }
}

fn of_instance(joined: &Joined, instance: Option<&str>) -> Identity {
    Identity {
        instance_id: instance.map(str::to_owned),
        ..identity(joined)
    }
}

/// A group of a dynamic and a static member, as far as that they have joined.
fn joined(groups: &Groups, now: Now) -> [Joined; 2] {
    let mut waiting = [None, Some("static")].map(|instance| {
        let join = Join {
            instance_id: instance.map(str::to_owned),
            ..new_join()
        };
        groups.join(now, "group", join)
    });
    groups.advance(later(now, MOMENT));
    waiting.each_mut().map(ready_join)
}

/// The same, and they know what to do.
fn working(groups: &Groups, now: Now) -> [Joined; 2] {
    let members = joined(groups, now);
    let leads = |it: &&Joined| it.member_id == it.leader;
    let leader = members.iter().find(leads).expect("one leads");
    let ids = leader.members.iter().map(|it| it.id.clone());
    let assignments: Vec<_> = ids
        .map(|id| (id.clone(), Bytes::from(text(1, &id))))
        .collect();
    let mut ordered: Vec<_> = members.iter().collect();
    ordered.sort_by_key(|it| it.member_id != it.leader);
    for member in ordered {
        let mut synced = sync(groups, now, member, assignments.clone());
        assert_eq!(assigned(&mut synced), Ok(text(1, &member.member_id)));
    }
    members
}

fn sync(
    groups: &Groups,
    now: Now,
    member: &Joined,
    assignments: Vec<(String, Bytes)>,
) -> Receiver<SyncAnswer> {
    let sync = Sync {
        identity: identity(member),
        protocol_type: Some("consumer".to_owned()),
        protocol: Some("range".to_owned()),
        assignments,
    };
    groups.sync(now, "group", sync)
}

#[test]
fn members_go_on_after_a_restart() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let members = working(&groups, now);
    drop(groups);
    let groups = open(&folder);
    let started = Now::read();
    for (member, instance) in members.iter().zip([None, Some("static")]) {
        let identity = of_instance(member, instance);
        assert_eq!(groups.heartbeat(started, "group", &identity), Ok(()));
        // An answer that was lost is given again.
        let mut synced = sync(&groups, started, member, Vec::new());
        assert_eq!(assigned(&mut synced), Ok(text(1, &member.member_id)));
        let other = Identity {
            generation: 2,
            ..identity
        };
        let refused = groups.heartbeat(started, "group", &other);
        assert_eq!(refused, Err(ResponseError::IllegalGeneration));
    }
    let seen = groups.look("group", |it| {
        let protocol = it.protocol().to_owned();
        (it.phase_name(), it.generation, protocol, it.leader.clone())
    });
    let leader = Some(members[0].leader.clone());
    assert_eq!(seen, Some(("Stable", 1, "range".to_owned(), leader)));
    // Its session begins anew, and ends.
    groups.advance(later(started, SESSION / 2));
    let beats = later(started, SESSION / 2);
    assert_eq!(
        groups.heartbeat(beats, "group", &identity(&members[0])),
        Ok(())
    );
    groups.advance(later(started, SESSION + Duration::from_secs(1)));
    let names = groups.look("group", |it| {
        it.members().keys().cloned().collect::<Vec<_>>()
    });
    assert_eq!(names, Some(vec![members[0].member_id.clone()]));
}

#[test]
fn a_static_member_that_came_back_is_the_one_that_goes_on() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let [_, former] = working(&groups, now);
    let join = Join {
        instance_id: Some("static".to_owned()),
        ..new_join()
    };
    let mut back = groups.join(now, "group", join);
    let back = ready_join(&mut back);
    drop(groups);
    let groups = open(&folder);
    let beat = |it: &Joined| {
        let identity = of_instance(it, Some("static"));
        groups.heartbeat(Now::read(), "group", &identity)
    };
    assert_eq!(beat(&back), Ok(()));
    assert_eq!(beat(&former), Err(ResponseError::FencedInstanceId));
}

#[test]
fn who_was_not_told_yet_what_to_do_joins_again() {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let now = Now::read();
    let [member, _] = joined(&groups, now);
    drop(groups);
    let groups = open(&folder);
    let refused = groups.heartbeat(now, "group", &identity(&member));
    assert_eq!(refused, Err(ResponseError::UnknownMemberId));
    let known = groups.look("group", |it| (it.is_empty(), it.generation));
    assert_eq!(known, Some((true, 1)));
}

#[test]
fn a_record_of_the_first_version_has_no_members() {
    let key = b"\0\0\0\0\x05group";
    let value = [
        &[1, 0, 0, 0, 7][..],
        &(-1_i64).to_be_bytes(),
        b"\0\0\0\x08consumer",
    ];
    let state = GroupState {
        generation: 7,
        protocol_type: Some("consumer".to_owned()),
        ..GroupState::default()
    };
    let read = Change::read(key, Some(&value.concat()));
    assert_eq!(read, Some(Change::Group("group".to_owned(), Some(state))));
    let newer = [&[3, 0, 0, 0, 7][..], value[1], value[2]].concat();
    assert_eq!(Change::read(key, Some(&newer)), None);
}

/// A group of so many members, all of whom work.
fn crowd(count: usize) -> (TempDir, Groups, Vec<Identity>) {
    let folder = TempDir::new().expect("a folder");
    let groups = open(&folder);
    let id = |number: usize| format!("member-{number}");
    let members = (0..count).map(|number| KeptMember {
        id: id(number),
        instance_id: None,
        client_id: String::new(),
        client_host: String::new(),
        session_timeout: SESSION,
        rebalance_timeout: REBALANCE,
        protocols: new_join().protocols,
        assignment: Bytes::new(),
    });
    let state = GroupState {
        generation: 1,
        protocol_type: Some("consumer".to_owned()),
        protocol: Some("range".to_owned()),
        leader: Some(id(0)),
        members: members.collect(),
        ..GroupState::default()
    };
    let changes = vec![Change::Group("group".to_owned(), Some(state))];
    let written = groups.write(&mut groups.lock(), Now::read(), changes);
    written.expect("it is written");
    drop(groups);
    let identities = (0..count).map(|number| Identity {
        member_id: id(number),
        instance_id: None,
        generation: 1,
    });
    let groups = open(&folder);
    (folder, groups, identities.collect())
}

/// How long so many heartbeats take.
fn beats(count: usize) -> Duration {
    let (_folder, groups, identities) = crowd(count);
    let now = Now::read();
    let start = Instant::now();
    for identity in identities.iter().cycle().take(5000) {
        assert_eq!(groups.heartbeat(now, "group", identity), Ok(()));
    }
    start.elapsed()
}

#[test]
fn a_heartbeat_costs_the_same_however_many_members_there_are() {
    let (few, many) = (beats(10), beats(5000));
    // It was some hundred times as long when each looked at all members.
    assert!(
        many < 20 * few + Duration::from_millis(50),
        "{few:?}, {many:?}"
    );
}

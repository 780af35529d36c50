//! Members that keep their place over a restart of theirs.

use super::*;

fn of_instance(instance: &str) -> Join {
    Join {
        instance_id: Some(instance.to_owned()),
        needs_id: true,
        ..new_join()
    }
}

fn static_identity(joined: &Joined, instance: &str) -> Identity {
    Identity {
        instance_id: Some(instance.to_owned()),
        ..identity(joined)
    }
}

#[test]
fn a_static_member_that_comes_back_disturbs_nobody() {
    let mut world = World::new();
    let members = world.settled(&[of_instance("a"), of_instance("b")]);
    for (before, instance) in members.iter().zip(["a", "b"]) {
        let mut back = world.join(of_instance(instance));
        let back = ready_join(&mut back);
        assert_ne!(back.member_id, before.member_id);
        assert_eq!(back.generation, 1);
        let leads = before.leader == before.member_id;
        assert_eq!(back.skips_assignment, leads);
        assert_eq!(back.members.len(), if leads { 2 } else { 0 });
        // It does what its former life did.
        let mut sync = world.sync(&back, &[]);
        assert_eq!(assigned(&mut sync), Ok(text(1, &before.member_id)));
    }
    assert_eq!(world.group.members().len(), 2);
}

#[test]
fn an_old_client_that_led_is_told_that_its_former_life_leads() {
    let mut world = World::new();
    let member = world.settled(&[of_instance("a")]).remove(0);
    let mut join = of_instance("a");
    join.can_skip_assignment = false;
    let mut back = world.join(join);
    let back = ready_join(&mut back);
    assert_eq!(back.leader, member.member_id);
    assert!(back.members.is_empty() && !back.skips_assignment);
}

#[test]
fn the_former_life_is_fenced() {
    let mut world = World::new();
    let former = world.settled(&[of_instance("a")]).remove(0);
    let mut back = world.join(of_instance("a"));
    let back = ready_join(&mut back);
    let former = static_identity(&former, "a");
    let fenced = Err(ResponseError::FencedInstanceId);
    assert_eq!(world.group.heartbeat(world.now, &former), fenced);
    assert_eq!(world.group.check_commit(world.now, &former), fenced);
    let back = static_identity(&back, "a");
    assert_eq!(world.group.heartbeat(world.now, &back), Ok(()));
    let mut join = of_instance("a");
    join.member_id = former.member_id;
    let mut join = world.join(join);
    assert_eq!(refused(&mut join), ResponseError::FencedInstanceId);
    let unknown = static_identity(
        &Joined {
            member_id: back.member_id.clone(),
            ..world.group.joined(&back.member_id, false)
        },
        "other",
    );
    let unknown = world.group.heartbeat(world.now, &unknown);
    assert_eq!(unknown, Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_former_life_that_waits_is_told_that_it_is_fenced() {
    let mut world = World::new();
    let mut former = world.join(of_instance("a"));
    let mut back = world.join(of_instance("a"));
    assert_eq!(refused(&mut former), ResponseError::FencedInstanceId);
    world.pass(MOMENT);
    let joined = ready_join(&mut back);
    assert_eq!(joined.members.len(), 1);
    assert_eq!(joined.members[0].instance_id.as_deref(), Some("a"));
}

#[test]
fn a_static_member_that_is_away_keeps_its_place_for_its_session() {
    let mut world = World::new();
    let mut absent = of_instance("absent");
    absent.session_timeout = Duration::from_secs(60);
    let members = world.settled(&[absent, new_join()]);
    let mut new = world.join(new_join());
    let mut old = world.join(again(&members[1]));
    world.pass(REBALANCE);
    let (new, old) = (ready_join(&mut new), ready_join(&mut old));
    let leader = if new.members.is_empty() { &old } else { &new };
    assert_eq!(leader.members.len(), 3, "the absent one is one of them");
    assert_ne!(leader.leader, members[0].member_id);
    world.share_out(&[new.clone(), old.clone()]);
    for _ in 0..14 {
        world.pass(Duration::from_secs(3));
        let _ = world.beat(&new);
        let _ = world.beat(&old);
    }
    assert_eq!(world.group.members().len(), 2, "its session is over");
}

#[test]
fn who_runs_the_group_takes_members_out_by_their_instances() {
    let mut world = World::new();
    let members = world.settled(&[of_instance("a"), of_instance("b"), new_join()]);
    let leaving = [
        (String::new(), Some("a".to_owned())),
        (members[1].member_id.clone(), Some("b".to_owned())),
        (members[2].member_id.clone(), Some("a".to_owned())),
        (String::new(), Some("c".to_owned())),
        (members[2].member_id.clone(), None),
    ];
    let left = world.group.leave(world.now, &leaving);
    let unknown = Some(ResponseError::UnknownMemberId);
    assert_eq!(left, [None, None, unknown, unknown, None]);
    assert!(world.group.is_empty());
}

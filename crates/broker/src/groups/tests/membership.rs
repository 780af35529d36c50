//! Members come, work and go.

use super::*;

#[test]
fn members_that_come_at_the_same_moment_are_one_generation() {
    let mut world = World::new();
    let mut one = world.join(new_join());
    world.pass(Duration::from_millis(5));
    let mut two = world.join(new_join());
    assert!(one.try_recv().is_err(), "it waits for others");
    world.pass(MOMENT);
    let (one, two) = (ready_join(&mut one), ready_join(&mut two));
    assert_eq!((one.generation, two.generation), (1, 1));
    assert_eq!(one.leader, two.leader);
    let leads = |it: &Joined| it.leader == it.member_id;
    assert!(leads(&one) != leads(&two));
    for member in [&one, &two] {
        assert_eq!(member.members.len(), if leads(member) { 2 } else { 0 });
        assert_eq!(member.protocol, "range");
    }
}

#[test]
fn everybody_is_told_what_the_leader_says_of_them() {
    let mut world = World::new();
    let mut joins = [world.join(new_join()), world.join(new_join())];
    world.pass(MOMENT);
    let mut joined: Vec<_> = joins.iter_mut().map(ready_join).collect();
    joined.sort_by_key(|it| it.leader == it.member_id);
    let (follower, leader) = (&joined[0], &joined[1]);
    let mut waiting = world.sync(follower, &[]);
    assert!(waiting.try_recv().is_err(), "the leader has not spoken");
    let says = [
        (follower.member_id.as_str(), "much"),
        (&leader.member_id, "little"),
    ];
    assert_eq!(
        assigned(&mut world.sync(leader, &says)),
        Ok("little".to_owned())
    );
    assert_eq!(assigned(&mut waiting), Ok("much".to_owned()));
    let mut once_more = world.sync(follower, &[]);
    assert_eq!(assigned(&mut once_more), Ok("much".to_owned()));
}

#[test]
fn somebody_new_is_told_to_come_back_with_an_id() {
    let mut world = World::new();
    let mut join = new_join();
    join.needs_id = true;
    let answer = world.join(join.clone()).try_recv().expect("it is answered");
    let told = answer.expect_err("it is no member yet");
    assert_eq!(told.error, ResponseError::MemberIdRequired);
    assert!(told.member_id.starts_with("client-"));
    join.member_id = told.member_id.clone();
    let mut waiting = world.join(join);
    world.pass(MOMENT);
    assert_eq!(ready_join(&mut waiting).member_id, told.member_id);
}

#[test]
fn who_never_comes_back_with_its_id_is_not_waited_for_long() {
    let mut world = World::new();
    let mut join = new_join();
    join.needs_id = true;
    drop(world.join(join));
    let mut other = world.join(new_join());
    world.pass(Duration::from_millis(500));
    assert!(other.try_recv().is_err(), "the other may still come");
    world.pass(Duration::from_millis(600));
    assert_eq!(ready_join(&mut other).members.len(), 1);
    world.pass(SESSION);
    assert!(world.group.pending.is_empty());
}

#[test]
fn a_new_member_makes_all_join_anew() {
    let mut world = World::new();
    let old = world.settled(&[new_join()]).remove(0);
    let mut new = world.join(new_join());
    assert_eq!(world.beat(&old), Err(ResponseError::RebalanceInProgress));
    let mut sync = world.sync(&old, &[]);
    assert_eq!(assigned(&mut sync), Err(ResponseError::RebalanceInProgress));
    assert!(new.try_recv().is_err());
    let mut old_again = world.join(again(&old));
    let (new, old) = (ready_join(&mut new), ready_join(&mut old_again));
    assert_eq!((new.generation, old.generation), (2, 2));
    world.share_out(&[new, old]);
}

#[test]
fn who_does_not_join_anew_in_time_is_gone() {
    let mut world = World::new();
    let old = world.settled(&[new_join()]).remove(0);
    let mut new = world.join(new_join());
    for _ in 0..4 {
        world.pass(Duration::from_secs(4));
        assert_eq!(world.beat(&old), Err(ResponseError::RebalanceInProgress));
    }
    world.pass(Duration::from_secs(4));
    let new = ready_join(&mut new);
    assert_eq!(new.members.len(), 1);
    assert_eq!(new.leader, new.member_id);
    assert_eq!(world.beat(&old), Err(ResponseError::UnknownMemberId));
}

#[test]
fn a_leader_that_leaves_is_followed_by_another() {
    let mut world = World::new();
    let members = world.settled(&[new_join(), new_join(), new_join()]);
    let leader = members[0].leader.clone();
    let others: Vec<_> = members.iter().filter(|it| it.member_id != leader).collect();
    assert_eq!(world.leave(&leader), None);
    assert_eq!(
        world.beat(others[0]),
        Err(ResponseError::RebalanceInProgress)
    );
    let mut waiting: Vec<_> = others.iter().map(|it| world.join(again(it))).collect();
    let joined: Vec<_> = waiting.iter_mut().map(ready_join).collect();
    assert!(others.iter().any(|it| it.member_id == joined[0].leader));
    assert_eq!(joined[0].generation, 2);
    world.share_out(&joined);
    assert_eq!(world.leave(&leader), Some(ResponseError::UnknownMemberId));
}

#[test]
fn a_leader_that_never_says_what_to_do_is_gone() {
    let mut world = World::new();
    let mut joins = [world.join(new_join()), world.join(new_join())];
    world.pass(MOMENT);
    let mut joined: Vec<_> = joins.iter_mut().map(ready_join).collect();
    joined.sort_by_key(|it| it.leader == it.member_id);
    let mut waiting = world.sync(&joined[0], &[]);
    for _ in 0..7 {
        // It lives, and says so.
        let _ = world.beat(&joined[1]);
        world.pass(Duration::from_secs(3));
    }
    assert_eq!(
        assigned(&mut waiting),
        Err(ResponseError::RebalanceInProgress)
    );
    assert_eq!(world.beat(&joined[1]), Err(ResponseError::UnknownMemberId));
    let mut again = world.join(again(&joined[0]));
    assert_eq!(ready_join(&mut again).members.len(), 1);
}

#[test]
fn who_is_not_told_what_to_do_does_nothing() {
    let mut world = World::new();
    let old = world.settled(&[new_join()]).remove(0);
    let mut new = world.join(new_join());
    let mut again = world.join(again(&old));
    let (old, new) = (ready_join(&mut again), ready_join(&mut new));
    let (leader, follower) = match old.leader == old.member_id {
        true => (old, new),
        false => (new, old),
    };
    let mut said = world.sync(&leader, &[]);
    let mut told = world.sync(&follower, &[]);
    // Not what it did in the generation before.
    assert_eq!(assigned(&mut said), Ok(String::new()));
    assert_eq!(assigned(&mut told), Ok(String::new()));
}

#[test]
fn a_member_without_a_sign_of_life_is_gone() {
    let mut world = World::new();
    let members = world.settled(&[new_join(), new_join()]);
    world.pass(Duration::from_secs(9));
    assert_eq!(world.beat(&members[0]), Ok(()));
    world.pass(Duration::from_secs(2));
    assert_eq!(
        world.beat(&members[0]),
        Err(ResponseError::RebalanceInProgress)
    );
    assert_eq!(world.beat(&members[1]), Err(ResponseError::UnknownMemberId));
    world.pass(SESSION * 3);
    assert!(world.group.is_empty());
    assert_eq!(world.group.generation, 2);
    assert!(world.group.state().empty_since_ms.is_some());
}

#[test]
fn a_member_of_another_generation_is_told_so() {
    let mut world = World::new();
    let mut member = world.settled(&[new_join()]).remove(0);
    member.generation = 7;
    assert_eq!(world.beat(&member), Err(ResponseError::IllegalGeneration));
    let mut sync = world.sync(&member, &[]);
    assert_eq!(assigned(&mut sync), Err(ResponseError::IllegalGeneration));
    let commit = world.group.check_commit(world.now, &identity(&member));
    assert_eq!(commit, Err(ResponseError::IllegalGeneration));
}

#[test]
fn nobody_commits_to_a_group_that_has_members() {
    let mut world = World::new();
    let nobody = Identity {
        member_id: String::new(),
        instance_id: None,
        generation: -1,
    };
    assert_eq!(world.group.check_commit(world.now, &nobody), Ok(()));
    let member = world.settled(&[new_join()]).remove(0);
    let refused = world.group.check_commit(world.now, &nobody);
    assert_eq!(refused, Err(ResponseError::UnknownMemberId));
    let taken = world.group.check_commit(world.now, &identity(&member));
    assert_eq!(taken, Ok(()));
}

#[test]
fn the_protocol_is_one_that_all_know_and_most_like() {
    let names = |names: &[&str]| Join {
        protocols: names
            .iter()
            .map(|it| ((*it).to_owned(), Bytes::copy_from_slice(it.as_bytes())))
            .collect(),
        ..new_join()
    };
    let mut world = World::new();
    let joins = [
        names(&["a", "b", "c"]),
        names(&["b", "c", "a"]),
        names(&["b", "a"]),
    ];
    let joined = world.settled(&joins);
    assert_eq!(joined[0].protocol, "b");
    let leader = joined.iter().find(|it| !it.members.is_empty());
    let members = &leader.expect("one leads").members;
    assert!(members.iter().all(|it| it.metadata == "b"), "{members:?}");
    let mut alien = world.join(names(&["c", "d"]));
    assert_eq!(
        refused(&mut alien),
        ResponseError::InconsistentGroupProtocol
    );
    let mut other_kind = names(&["a"]);
    other_kind.protocol_type = "connect".to_owned();
    let mut other_kind = world.join(other_kind);
    assert_eq!(
        refused(&mut other_kind),
        ResponseError::InconsistentGroupProtocol
    );
    let mut empty = world.join(names(&[]));
    assert_eq!(
        refused(&mut empty),
        ResponseError::InconsistentGroupProtocol
    );
}

#[test]
fn a_follower_that_changes_nothing_disturbs_nobody() {
    let mut world = World::new();
    let members = world.settled(&[new_join(), new_join()]);
    let follower = members.iter().find(|it| it.members.is_empty());
    let follower = follower.expect("one follows");
    let mut same = world.join(again(follower));
    assert_eq!(ready_join(&mut same).generation, 1);
    // What it says of itself is its state in cooperative protocols: the leader is to see it.
    let mut changed = again(follower);
    changed.protocols[0].1 = Bytes::from_static(b"changed");
    let mut waiting = world.join(changed);
    assert!(waiting.try_recv().is_err());
    let leader = members.iter().find(|it| !it.members.is_empty());
    let mut leader = world.join(again(leader.expect("one leads")));
    let told = ready_join(&mut leader);
    assert!(told.members.iter().any(|it| it.metadata == "changed"));
}

#[test]
fn a_full_group_takes_nobody() {
    let mut world = World::new();
    world.options.members_max = 2;
    let members = world.settled(&[new_join(), new_join()]);
    let mut third = world.join(new_join());
    assert_eq!(refused(&mut third), ResponseError::GroupMaxSizeReached);
    assert_eq!(world.leave(&members[0].member_id), None);
    let mut third = world.join(new_join());
    let mut second = world.join(again(&members[1]));
    assert_eq!(
        ready_join(&mut third).generation,
        ready_join(&mut second).generation
    );
}

#[test]
fn a_member_that_nobody_knows_is_told_so() {
    let mut world = World::new();
    let mut stranger = new_join();
    stranger.member_id = "stranger".to_owned();
    let mut waiting = world.join(stranger);
    assert_eq!(refused(&mut waiting), ResponseError::UnknownMemberId);
}

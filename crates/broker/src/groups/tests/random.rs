//! Clients that do anything in any order never wedge a group, and no generation does what another was told.

use proptest::collection::vec;
use proptest::prelude::*;
use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::testing::cases;

const CLIENTS: usize = 4;

/// What a client is about.
#[derive(Debug, Default)]
enum Doing {
    #[default]
    Nothing,
    Joining(Receiver<JoinAnswer>, Instant),
    Joined(Joined),
    Syncing(Joined, Receiver<SyncAnswer>, Instant),
    Working(Joined),
}

/// A client that takes answers as real ones do.
#[derive(Debug)]
struct Client {
    id: String,
    instance: Option<String>,
    metadata: u8,
    doing: Doing,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The next that a client does that behaves.
    Act(usize),
    /// It joins again, whatever it is about.
    Rejoin(usize),
    /// The same, and it says something else of itself.
    Change(usize),
    Leave(usize),
    /// It forgets everything.
    Restart(usize),
    /// The broker starts again.
    Reboot,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let client = || 0..CLIENTS;
    let step = prop_oneof![
        12 => client().prop_map(Step::Act),
        2 => client().prop_map(Step::Rejoin),
        2 => client().prop_map(Step::Change),
        1 => client().prop_map(Step::Leave),
        2 => client().prop_map(Step::Restart),
        1 => Just(Step::Reboot),
        5 => prop_oneof![0..30_u64, 0..3000_u64, 0..25_000_u64].prop_map(Step::Wait),
    ];
    vec(step, 0..120)
}

impl Client {
    fn new(index: usize) -> Client {
        Client {
            id: String::new(),
            // Half of them are static.
            instance: (index % 2 == 1).then(|| format!("instance-{index}")),
            metadata: 0,
            doing: Doing::Nothing,
        }
    }

    /// Takes the answer, if there is one; nobody waits for it longer than the slowest member may take.
    fn take_answer(&mut self, now: Instant) {
        match std::mem::take(&mut self.doing) {
            Doing::Joining(mut waiting, since) => match waiting.try_recv() {
                Err(TryRecvError::Empty) => {
                    assert!(now - since < REBALANCE, "a join that waits for long");
                    self.doing = Doing::Joining(waiting, since);
                }
                Err(TryRecvError::Closed) => panic!("a join without an answer"),
                Ok(Ok(joined)) => {
                    self.id.clone_from(&joined.member_id);
                    self.doing = Doing::Joined(joined);
                }
                Ok(Err(refused)) => self.give_up(refused.error, Some(refused.member_id)),
            },
            Doing::Syncing(joined, mut waiting, since) => match waiting.try_recv() {
                Err(TryRecvError::Empty) => {
                    assert!(now - since < REBALANCE, "a sync that waits for long");
                    self.doing = Doing::Syncing(joined, waiting, since);
                }
                Err(TryRecvError::Closed) => panic!("a sync without an answer"),
                Ok(Ok(synced)) => {
                    let name = self.instance.as_ref().unwrap_or(&self.id);
                    let told = text(joined.generation, name);
                    assert_eq!(synced.assignment, told, "what another was told");
                    self.doing = Doing::Working(joined);
                }
                Ok(Err(error)) => self.give_up(error, None),
            },
            other => self.doing = other,
        }
    }

    /// Nobody answers it any more.
    fn lose_connection(&mut self) {
        let doing = std::mem::take(&mut self.doing);
        self.doing = match doing {
            Doing::Joining(..) => Doing::Nothing,
            Doing::Syncing(joined, ..) => Doing::Joined(joined),
            other => other,
        };
    }

    fn give_up(&mut self, error: ResponseError, id: Option<String>) {
        match error {
            ResponseError::MemberIdRequired => self.id = id.expect("an id comes with it"),
            ResponseError::UnknownMemberId | ResponseError::FencedInstanceId => self.id.clear(),
            ResponseError::RebalanceInProgress | ResponseError::IllegalGeneration => {}
            other => panic!("{other:?}"),
        }
    }

    fn act(&mut self, world: &mut World) {
        self.take_answer(world.now.at);
        match std::mem::take(&mut self.doing) {
            Doing::Nothing => self.join(world),
            Doing::Joined(joined) => self.sync(world, joined),
            Doing::Working(joined) => {
                match world.group.heartbeat(world.now, &self.identity(&joined)) {
                    Ok(()) => self.doing = Doing::Working(joined),
                    Err(error) => self.give_up(error, None),
                }
            }
            waiting => self.doing = waiting,
        }
    }

    fn join(&mut self, world: &mut World) {
        let answered = world.join(Join {
            member_id: self.id.clone(),
            instance_id: self.instance.clone(),
            protocols: vec![("range".to_owned(), Bytes::copy_from_slice(&[self.metadata]))],
            needs_id: true,
            // A static member keeps its place over a rebalance in which it is away.
            session_timeout: match self.instance {
                Some(_) => REBALANCE * 2,
                None => SESSION,
            },
            ..new_join()
        });
        self.doing = Doing::Joining(answered, world.now.at);
        self.take_answer(world.now.at);
    }

    /// Who leads tells each what to do: the generation, and whose it is.
    fn sync(&mut self, world: &mut World, joined: Joined) {
        let members = joined.members.iter().filter(|_| !joined.skips_assignment);
        let assignments = members.map(|it| {
            let name = it.instance_id.as_ref().unwrap_or(&it.id);
            (it.id.clone(), Bytes::from(text(joined.generation, name)))
        });
        let sync = Sync {
            identity: self.identity(&joined),
            protocol_type: None,
            protocol: None,
            assignments: assignments.collect(),
        };
        let (answer, answered) = oneshot::channel();
        world.group.sync(world.now, sync, answer);
        self.doing = Doing::Syncing(joined, answered, world.now.at);
        self.take_answer(world.now.at);
    }

    fn identity(&self, joined: &Joined) -> Identity {
        Identity {
            instance_id: self.instance.clone(),
            ..identity(joined)
        }
    }
}

fn run(world: &mut World, clients: &mut [Client], step: Step) {
    match step {
        Step::Act(index) => clients[index].act(world),
        Step::Rejoin(index) => clients[index].join(world),
        Step::Change(index) => {
            clients[index].metadata ^= 1;
            clients[index].join(world);
        }
        Step::Leave(index) => {
            let client = &mut clients[index];
            let leaving = [(client.id.clone(), client.instance.clone())];
            world.group.leave(world.now, &leaving);
            client.doing = Doing::Nothing;
        }
        Step::Restart(index) => clients[index] = Client::new(index),
        Step::Reboot => {
            world.reboot();
            clients.iter_mut().for_each(Client::lose_connection);
        }
        Step::Wait(ms) => world.pass(Duration::from_millis(ms)),
    }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn a_group_is_never_wedged(steps in steps(), gone in 0..=CLIENTS) {
        let mut world = World::new();
        let mut clients: Vec<_> = (0..CLIENTS).map(Client::new).collect();
        let mut generation = 0;
        for step in steps {
            run(&mut world, &mut clients, step);
            world.save();
            clients.iter_mut().for_each(|it| it.take_answer(world.now.at));
            prop_assert!(world.group.generation >= generation);
            generation = world.group.generation;
        }
        // From now on some do as they should, and the others never come back.
        clients.truncate(CLIENTS - gone);
        for _ in 0..600 {
            for client in &mut clients {
                client.act(&mut world);
            }
            world.pass(Duration::from_millis(200));
        }
        prop_assert_eq!(world.group.members().len(), clients.len());
        prop_assert!(world.group.pending.is_empty());
        match clients.is_empty() {
            true => prop_assert!(world.group.is_empty()),
            false => prop_assert!(world.group.is_stable()),
        }
        for client in &clients {
            let is_working = matches!(&client.doing, Doing::Working(joined) if joined.generation == world.group.generation);
            prop_assert!(is_working, "{:?}", client);
        }
    }
}

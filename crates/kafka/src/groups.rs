//! Who is in a group, and which partitions each member has.

use rdkafka::consumer::Consumer;
use rdkafka::groups::{GroupInfo, GroupMemberInfo};

use crate::cluster::Reader;
use crate::{Error, Kind, Result};
use crate::{Partition, fault, panics};

/// A group.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// `Stable`, `Empty`, `PreparingRebalance`, `CompletingRebalance`, `Dead`.
    pub state: String,
    /// How partitions are shared out: `range`, `roundrobin`, `cooperative-sticky`.
    pub protocol: String,
    /// `consumer`, or whatever else shares out work.
    pub protocol_type: String,
    /// Who is in it.
    pub members: Vec<Member>,
}

/// A member of a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// What the group calls it.
    pub id: String,
    /// What it calls itself.
    pub client_id: String,
    /// Where it is.
    pub host: String,
    /// What it has; nothing while the group has not agreed, or where it shares out something else.
    pub partitions: Vec<Partition>,
}

impl Group {
    fn of(group: &GroupInfo) -> Group {
        let mut members: Vec<_> = group.members().iter().map(Member::of).collect();
        members.sort_by(|left, right| left.id.cmp(&right.id));
        Group {
            name: group.name().to_owned(),
            state: group.state().to_owned(),
            protocol: group.protocol().to_owned(),
            protocol_type: group.protocol_type().to_owned(),
            members,
        }
    }

    /// Whether nobody is in it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty() && ["Empty", "Dead", ""].contains(&self.state.as_str())
    }

    /// Whether there is nothing of that name: brokers answer questions about such groups, too.
    pub fn is_nothing(&self) -> bool {
        self.members.is_empty() && ["Dead", ""].contains(&self.state.as_str())
    }
}

impl Member {
    fn of(member: &GroupMemberInfo) -> Member {
        let assignment = member.assignment().unwrap_or_default();
        Member {
            id: member.id().to_owned(),
            client_id: member.client_id().to_owned(),
            host: member.client_host().trim_start_matches('/').to_owned(),
            partitions: parse_assignment(assignment).unwrap_or_default(),
        }
    }
}

impl Reader {
    /// All groups, by name.
    pub fn groups(&self) -> Result<Vec<Group>> {
        // Says in other words if nobody is there.
        self.topics()?;
        let list = self
            .client
            .fetch_group_list(None, self.cluster.timeout)
            .map_err(|error| fault::of("cannot list the groups", &error))?;
        let groups = panics::caught(|| list.groups().iter().map(Group::of).collect());
        let mut groups: Vec<_> = groups.ok_or_else(unreadable)?;
        groups.sort_by(|left, right| left.name.cmp(&right.name));
        Ok(groups)
    }

    /// The group of that name, if there is one.
    pub fn group(&self, name: &str) -> Result<Option<Group>> {
        let list = self
            .client
            .fetch_group_list(Some(name), self.cluster.timeout)
            .map_err(|error| fault::of(&format!("cannot ask for the group `{name}`"), &error))?;
        panics::caught(|| {
            let groups = list.groups().iter().map(Group::of);
            let mut found = groups.filter(|group| group.name == name && !group.is_nothing());
            found.next()
        })
        .ok_or_else(unreadable)
    }
}

fn unreadable() -> Error {
    Error::Cluster {
        message: "cannot read the groups: the name of one, or of a member, is not UTF-8".to_owned(),
        hint: None,
        kind: Kind::Data,
    }
}

/// What a member was given, as Kafka's consumers write it (`ConsumerProtocolAssignment`); `None` if it is something else.
fn parse_assignment(bytes: &[u8]) -> Option<Vec<Partition>> {
    let mut rest = bytes;
    let _version = take::<2>(&mut rest)?;
    let topics = u32::from_be_bytes(take(&mut rest)?);
    let mut partitions = Vec::new();
    for _ in 0..topics {
        let len = usize::from(u16::from_be_bytes(take(&mut rest)?));
        let (name, behind) = rest.split_at_checked(len)?;
        rest = behind;
        let topic = std::str::from_utf8(name).ok()?;
        let count = u32::from_be_bytes(take(&mut rest)?);
        for _ in 0..count {
            partitions.push(Partition {
                topic: topic.to_owned(),
                id: i32::from_be_bytes(take(&mut rest)?),
            });
        }
    }
    Some(partitions)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(*taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ASSIGNED: &[u8] =
        b"\0\x01\0\0\0\x01\0\x06orders\0\0\0\x02\0\0\0\0\0\0\0\x07\xff\xff\xff\xff";

    #[test]
    fn an_assignment_is_read() {
        let of = |id| Partition {
            topic: "orders".to_owned(),
            id,
        };
        assert_eq!(parse_assignment(ASSIGNED), Some(vec![of(0), of(7)]));
    }

    #[test]
    fn half_an_assignment_is_none() {
        let whole = ASSIGNED.len() - 4;
        for len in 0..whole {
            assert_eq!(parse_assignment(&ASSIGNED[..len]), None, "{len}");
        }
        // A count that nothing stands behind allocates nothing.
        assert_eq!(parse_assignment(b"\0\0\xff\xff\xff\xff"), None);
    }
}

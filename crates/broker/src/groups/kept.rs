//! What of a group survives a restart of the broker, and how it goes on then.
//!
//! As with Kafka it is the generation, and its members once they know what to do: they go on where they were, if they show within their
//! sessions that they live, which begin anew. Who was about to join is told that it is no member, or of another generation, and joins again.
//!
//! What changes it sets `is_unsaved`: a generation that begins, an assignment, a static member that comes back under another id.

use super::group::{Group, Now, Phase};
use super::member::Member;
use super::record::{GroupState, KeptMember};

/// Members that say and are told more than this together are not kept: nobody is to wait while it is written.
const MEMBERS_BYTES_MAX: usize = 64 << 20;

impl Group {
    /// What of it is to survive a restart, beside its offsets.
    pub(super) fn state(&self) -> GroupState {
        // What had no generation yet is no loss.
        if self.generation == 0 {
            return GroupState::default();
        }
        GroupState {
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            empty_since_ms: self.empty_since_ms,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            members: self.kept_members(),
        }
    }

    fn kept_members(&self) -> Vec<KeptMember> {
        let members_bytes: usize = self.members.values().map(Member::len_bytes).sum();
        if !self.is_stable() || members_bytes > MEMBERS_BYTES_MAX {
            return Vec::new();
        }
        let kept = self.members.iter().map(|(id, member)| KeptMember {
            id: id.clone(),
            instance_id: member.instance_id.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            session_timeout: member.session_timeout,
            rebalance_timeout: member.rebalance_timeout,
            protocols: member.protocols.clone(),
            assignment: member.assignment.clone(),
        });
        kept.collect()
    }

    /// A group of which this was kept, but for its offsets.
    pub(super) fn restored(known: &GroupState, now: Now) -> Group {
        let mut group = Group {
            generation: known.generation,
            protocol_type: known.protocol_type.clone(),
            empty_since_ms: known.empty_since_ms,
            ..Group::new()
        };
        if known.members.is_empty() {
            // Of those it had none is a member any more.
            if known.generation > 0 && known.empty_since_ms.is_none() {
                group.empty_since_ms = Some(now.ms);
                group.is_unsaved = true;
            }
            return group;
        }
        group.phase = Phase::Stable { deadline: None };
        group.protocol.clone_from(&known.protocol);
        group.leader.clone_from(&known.leader);
        for kept in &known.members {
            if let Some(instance) = &kept.instance_id {
                group.instances.insert(instance.clone(), kept.id.clone());
            }
            group
                .members
                .insert(kept.id.clone(), Member::restored(kept, now));
        }
        group
    }
}

impl Member {
    fn restored(kept: &KeptMember, now: Now) -> Member {
        Member {
            instance_id: kept.instance_id.clone(),
            client_id: kept.client_id.clone(),
            client_host: kept.client_host.clone(),
            session_timeout: kept.session_timeout,
            rebalance_timeout: kept.rebalance_timeout,
            protocols: kept.protocols.clone(),
            assignment: kept.assignment.clone(),
            last_seen: now.at,
            must_sync: false,
            joining: None,
            syncing: None,
        }
    }

    /// About what it takes on the disk.
    fn len_bytes(&self) -> usize {
        let protocols = self.protocols.iter();
        let protocol_bytes: usize = protocols.map(|it| it.0.len() + it.1.len()).sum();
        protocol_bytes + self.assignment.len() + self.client_id.len()
    }
}

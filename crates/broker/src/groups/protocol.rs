//! On which protocol the members of a group agree.

use super::group::Group;
use super::member::Protocol;

impl Group {
    /// Whether a member with these protocols can be one of this group.
    pub(super) fn supports(&self, protocol_type: &str, protocols: &[Protocol]) -> bool {
        if protocol_type.is_empty() || protocols.is_empty() {
            return false;
        }
        if self.members.is_empty() {
            return true;
        }
        let is_known_to_all = |name: &str| self.members.values().all(|it| it.knows(name));
        self.protocol_type() == protocol_type && protocols.iter().any(|it| is_known_to_all(&it.0))
    }

    /// The protocol that most members like best of those that all know.
    pub(super) fn best_protocol(&self) -> Option<String> {
        let mut members = self.members.values();
        let candidates = &members.next()?.protocols;
        let is_known_to_all = |name: &str| self.members.values().all(|it| it.knows(name));
        let candidates: Vec<_> = candidates
            .iter()
            .map(|it| it.0.as_str())
            .filter(|it| is_known_to_all(it))
            .collect();
        let votes = |name: &str| {
            let chosen = self.members.values().filter(|member| {
                let mut names = member.protocols.iter().map(|it| it.0.as_str());
                names.find(|it| candidates.contains(it)) == Some(name)
            });
            chosen.count()
        };
        // The last of the best would be taken; of those that are equal it is to be the first.
        let best = candidates.iter().rev().max_by_key(|it| votes(it));
        best.map(|it| (*it).to_owned())
    }
}

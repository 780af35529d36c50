//! How often clients were not listened to.

use super::{Kind, Page};
use crate::quotas::{Direction, Quotas};

impl Page {
    pub(super) fn put_quotas(&mut self, quotas: &Quotas) {
        let kinds = Direction::ALL.map(|(direction, name)| {
            let label = format!("{{kind=\"{name}\"}}");
            (label, quotas.throttled(direction))
        });
        let name = "tamis_throttled_requests_total";
        let help = "Requests after which clients were not listened to, since they took more than they may.";
        self.put_head(name, Kind::Counter, help);
        for (label, (requests, _)) in &kinds {
            self.put_value(name, label, requests);
        }
        let name = "tamis_throttled_seconds_total";
        let help = "For how long they were not.";
        self.put_head(name, Kind::Counter, help);
        for (label, (_, seconds)) in &kinds {
            self.put_value(name, label, seconds);
        }
    }
}

//! What is told of who logged in, and of who may not do what.

use super::{Kind, Page};
use crate::access::{OPERATIONS, WAYS};
use crate::broker::Broker;

impl Page {
    pub(super) fn put_access(&mut self, broker: &Broker) {
        let counts = &broker.access.counts;
        let name = "tamis_authentications_total";
        let help = "Clients that said who they are since the start.";
        self.put_head(name, Kind::Counter, help);
        for (number, way) in WAYS.iter().enumerate() {
            for (result, count) in ["ok", "failed"].iter().zip(counts.logins(number)) {
                let labels = format!("{{mechanism=\"{way}\",result=\"{result}\"}}");
                self.put_value(name, &labels, count);
            }
        }
        let name = "tamis_authorization_denied_total";
        let help = "What users asked for and may not do, since the start.";
        self.put_head(name, Kind::Counter, help);
        for (number, operation) in OPERATIONS.iter().enumerate() {
            let labels = format!("{{operation=\"{operation}\"}}");
            self.put_value(name, &labels, counts.denied(number));
        }
    }
}

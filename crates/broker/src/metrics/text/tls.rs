//! Handshakes, and the certificate.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Kind, Page};
use crate::broker::Broker;
use crate::tls::{Counts, REASONS};

impl Page {
    /// Also where there is no TLS: so many handshakes there were then.
    pub(super) fn put_tls(&mut self, broker: &Broker) {
        let tls = broker.options.tls.as_ref();
        let none = Counts::default();
        let counts = tls.map_or(&none, |it| it.counts());
        let load = |it: &AtomicU64| it.load(Ordering::Relaxed);
        let counter = Kind::Counter;
        let help = "Handshakes of TLS that succeeded.";
        self.put(
            "tamis_tls_handshakes_total",
            counter,
            help,
            load(&counts.done),
        );
        let name = "tamis_tls_handshakes_failed_total";
        self.put_head(name, counter, "Handshakes of TLS that failed, by why.");
        for (reason, label) in REASONS {
            let label = format!("{{reason=\"{label}\"}}");
            self.put_value(name, &label, counts.failed(reason));
        }
        let name = "tamis_tls_certificate_renewals_total";
        let help = "Times that a certificate that had changed was taken.";
        self.put(name, counter, help, load(&counts.renewed));
        let name = "tamis_tls_certificate_renewals_failed_total";
        let help = "Times that one could not be used, and the old one stayed.";
        self.put(name, counter, help, load(&counts.not_renewed));
        let name = "tamis_tls_certificate_expires_seconds";
        let help = "Seconds until the certificate expires; negative: it has.";
        self.put_head(name, Kind::Gauge, help);
        if let Some(tls) = tls {
            self.put_value(name, "", tls.expires_in_seconds());
        }
    }
}

//! `tamis topic`, `produce`, `consume` and `consumer-group` in a build without a client for Kafka.

macro_rules! absent {
    ($verb:ident, $about:literal) => {
        pub(crate) mod $verb {
            crate::absent::verb!($about, "this build has no client for Kafka", "kafka-client");
        }
    };
}

absent!(consume, "Read records of topics (not in this build)");
absent!(
    consumer_group,
    "Look after groups of consumers (not in this build)"
);
absent!(produce, "Write records into a topic (not in this build)");
absent!(topic, "Look after topics (not in this build)");

//! `tamis serve` in a build without the broker.

crate::absent::verb!(
    "Serve topics to Kafka's clients (not in this build)",
    "this build has no broker",
    "broker"
);

//! `tamis user` in a build without the broker.

crate::absent::verb!(
    "Say who may log in to `tamis serve` (not in this build)",
    "this build has no broker, and so no users",
    "broker"
);

//! A broker from outside: what goes over its sockets, byte for byte, and how it begins and ends.

mod access;
mod damage;
mod ending;
mod fetch;
mod hostile;
mod produce;
mod quotas;
#[cfg(feature = "tls")]
mod tls;
mod watching;
mod wire;

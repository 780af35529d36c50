//! A broker from outside: what goes over its sockets, byte for byte, and how it begins and ends.

mod damage;
mod ending;
mod fetch;
mod hostile;
mod produce;
mod watching;
mod wire;

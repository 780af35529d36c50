//! Trees that change while they are added, and things that are hard to add.

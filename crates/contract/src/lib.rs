//! Data contracts: what records must look like, and whether they do.

pub mod check;
pub mod describe;
pub mod diagnostic;
mod expression;
pub mod format;
pub mod model;
pub mod odcs;
pub mod pattern;
pub mod report;
pub mod unique;

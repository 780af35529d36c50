//! Exact numbers.
//!
//! Scaffold: `Decimal` lives here.

/// A decimal number `mantissa / 10^scale`, exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decimal {
    /// All digits, with sign.
    pub mantissa: i128,
    /// How many of the digits stand after the point.
    pub scale: u32,
}

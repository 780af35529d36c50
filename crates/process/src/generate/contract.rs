//! The contract that comes with generated data, as an ODCS document.
//!
//! It is a text and not a serialised model: it is also the example from which people learn to write
//! their own contracts, so its wording and order matter.

use super::row::COUNTRIES;

/// Whether the contract asks for distinct transaction ids. The data always has them; checking it
/// needs memory in proportion to the rows, so that it is asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uniqueness {
    /// No `unique` rule.
    Unchecked,
    /// `unique: true` on `transaction_id`.
    Required,
}

/// The first line of a generated contract.
const MARKER: &str = "# Written by `tamis gen transactions`: running it again replaces this file.";

/// Whether `text` is a contract of ours, which may be replaced, and not one that somebody wrote.
pub fn is_generated_contract(text: &[u8]) -> bool {
    text.starts_with(MARKER.as_bytes())
}

/// The contract of the data that [`Recipe::write`](super::Recipe::write) makes, in either format.
pub fn contract(uniqueness: Uniqueness) -> String {
    let unique = match uniqueness {
        Uniqueness::Unchecked => "",
        Uniqueness::Required => "\n        unique: true",
    };
    let countries = COUNTRIES.join(", ");
    format!(
        r#"{MARKER}
apiVersion: v3.2.0
kind: DataContract
id: urn:tamis:example:transactions
name: Transactions
version: 1.0.0
status: active
description:
  purpose: Generated payments, to try and to measure Tamis with.

schema:
  - name: transactions
    logicalType: object
    properties:
      - name: transaction_id
        description: TX and ten digits.
        logicalType: string
        required: true{unique}
        logicalTypeOptions:
          pattern: '^TX\d{{10}}$'
      - name: amount
        description: In euro.
        logicalType: number
        required: true
        logicalTypeOptions:
          minimum: 0.01
          maximum: 1000000
      - name: timestamp
        description: When it was booked, in ISO 8601.
        logicalType: timestamp
        required: true
      - name: account_id
        logicalType: string
        required: true
        logicalTypeOptions:
          minLength: 8
          maxLength: 20
      - name: country
        description: Where the account is held (ISO 3166-1 alpha-2).
        logicalType: string
        required: true
        quality:
          - metric: invalidValues
            description: Only countries that we do business in.
            arguments:
              validValues: [{countries}]
            mustBe: 0
            severity: error
      - name: memo
        description: What the payer wrote.
        logicalType: string
        logicalTypeOptions:
          maxLength: 200
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_contract_of_ours_is_recognised() {
        for uniqueness in [Uniqueness::Unchecked, Uniqueness::Required] {
            let text = contract(uniqueness);
            assert!(is_generated_contract(text.as_bytes()));
            assert_eq!(
                text.contains("unique: true"),
                uniqueness == Uniqueness::Required
            );
        }
        assert!(!is_generated_contract(b"apiVersion: v3.2.0\n"));
    }
}

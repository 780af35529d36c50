//! What identifies the rules of a check, whatever file they were read from.
//!
//! Caches and partial results are only good for the rules they were made with. The fingerprint is a hash of the
//! contract's canonical text (the ODCS writer puts every key in a fixed place, numbers in one spelling) without what
//! only people read: descriptions, owners, tags. Two files that say the same in other words of YAML have one
//! fingerprint; a changed limit, a renamed column, another delimiter or version give another.

use xxhash_rust::xxh3::xxh3_128;

use crate::model::{Contract, Object, Property, Quality};
use crate::odcs;

/// Version of what the rules *mean*. Part of every partial result and of every cache key.
///
/// Raise it when the same contract on the same bytes gives another report than before: a rule that judges a value
/// differently, a fault that is called by another word, records that are cut elsewhere, rules that are numbered in
/// another order. Faster is no reason, and neither is a new field in the report.
pub const RULE_ENGINE_VERSION: u32 = 2;

/// The fingerprint of `object`'s rules in `contract`: 32 hexadecimal digits.
///
/// Covers the contract's identifier and version, the object with its columns, rules and CSV facts, and the rules
/// that are not checked.
pub fn fingerprint(contract: &Contract, object: &Object) -> String {
    let mut bare = Contract::builder(contract.id.clone()).build();
    bare.version = contract.version.clone();
    bare.objects = vec![bare_object(object)];
    let mut text = odcs::to_yaml(&bare);
    for rule in &contract.unchecked {
        // Zero bytes cannot be in a name, so nothing runs into its neighbour.
        text.push_str(&format!("\0{}\0{}", rule.location, rule.rule));
    }
    format!("{:032x}", xxh3_128(text.as_bytes()))
}

fn bare_object(object: &Object) -> Object {
    Object {
        physical_name: unlike(&object.physical_name, &object.name),
        description: None,
        extra: Vec::new(),
        properties: object.properties.iter().map(bare_property).collect(),
        quality: object.quality.iter().map(bare_quality).collect(),
        ..object.clone()
    }
}

fn bare_property(property: &Property) -> Property {
    Property {
        physical_name: unlike(&property.physical_name, &property.name),
        description: None,
        extra: Vec::new(),
        properties: property.properties.iter().map(bare_property).collect(),
        items: property
            .items
            .as_deref()
            .map(|items| Box::new(bare_property(items))),
        quality: property.quality.iter().map(bare_quality).collect(),
        ..property.clone()
    }
}

/// The name stays: reports show it.
fn bare_quality(quality: &Quality) -> Quality {
    Quality {
        description: None,
        extra: Vec::new(),
        ..quality.clone()
    }
}

/// A physical name that repeats the name says nothing.
fn unlike(physical_name: &Option<String>, name: &str) -> Option<String> {
    physical_name
        .clone()
        .filter(|physical_name| physical_name != name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let contract = odcs::read("test", text.as_bytes()).unwrap().contract;
        fingerprint(&contract, &contract.objects[0])
    }

    const PLAIN: &str = "
apiVersion: v3.1.0
kind: DataContract
id: orders
version: 1.0.0
schema:
  - name: orders
    properties:
      - name: amount
        logicalType: number
        required: true
        logicalTypeOptions:
          minimum: 1.50
          maximum: 1000
";

    #[test]
    fn another_spelling_is_the_same_contract() {
        let other = r#"{"version": "1.0.0", "id": 'orders', kind: DataContract, "apiVersion": v3.2.0, tags: [x],
            schema: [{"description": "what people buy", "name": "orders", physicalName: orders, properties: [
            {logicalTypeOptions: {maximum: 1e3, minimum: "1.5"}, required: true, logicalType: number,
             description: how much, name: amount, physicalName: amount}]}]}"#;
        assert_eq!(of(PLAIN), of(&other.replace("\"1.5\"", "1.5")));
    }

    #[test]
    fn another_rule_is_another_contract() {
        let changes = [
            ("1.50", "1.51"),
            ("required: true", "required: false"),
            ("name: amount", "name: sum"),
            ("number", "integer"),
            ("version: 1.0.0", "version: 1.0.1"),
            (
                "    properties:",
                "    customProperties: [{property: delimiter, value: ';'}]\n    properties:",
            ),
        ];
        for (from, to) in changes {
            let changed = PLAIN.replace(from, to);
            assert_ne!(changed, PLAIN);
            assert_ne!(of(PLAIN), of(&changed), "{from} to {to}");
        }
    }
}

//! Excerpts of contracts that others have published are read without a finding.

use crate::format::Format;
use crate::model::{LogicalType, Metric, Operator, QualityKind, UncheckedKind};

use super::{clean, findings};

/// Shortened from the standard's "full example" (bitol-io/open-data-contract-standard, Apache-2.0),
/// in the keys of 3.0.
const FULL_EXAMPLE: &str = r#"
domain: seller
dataProduct: my quantum
version: 1.1.0
status: active
id: 53581432-6c55-4ba2-a65f-72344a91553a
description:
  purpose: Views built on top of the seller tables.
  limitations: null
tenant: ClimateQuantumInc
kind: DataContract
apiVersion: v3.0.2
servers:
  - server: my-postgres
    type: postgres
    host: localhost
    port: 5432
schema:
  - name: tbl
    physicalName: tbl_1
    physicalType: table
    businessName: core payment metrics
    tags: ['finance', 'payments']
    dataGranularityDescription: Aggregation on columns txn_ref_dt, pmt_txn_id
    properties:
      - name: txn_ref_dt
        primaryKey: false
        primaryKeyPosition: -1
        businessName: transaction reference date
        logicalType: date
        physicalType: date
        required: false
        partitioned: true
        partitionKeyPosition: 1
        criticalDataElement: false
        classification: public
        transformSourceObjects: [table_name_1]
        transformLogic: sel t1.txn_dt as txn_ref_dt from table_name_1 as t1
        examples: ['2022-10-03', '2020-01-28']
        customProperties:
          - property: anonymizationStrategy
            value: none
      - name: rcvr_id
        primaryKey: true
        primaryKeyPosition: 1
        logicalType: string
        physicalType: varchar(18)
        required: false
        encryptedName: enc_rcvr_id
      - name: rcvr_cntry_code
        logicalType: string
        physicalType: varchar(2)
        quality:
          - rule: nullCheck
            description: column should not contain null values
            dimension: completeness
            type: library
            severity: error
            businessImpact: operational
            schedule: 0 20 * * *
            scheduler: cron
            customProperties:
              - property: FIELD_NAME
                value:
    quality:
      - rule: countCheck
        type: library
        description: Ensure row count is within expected volume range
        dimension: completeness
        method: reconciliation
        severity: error
price:
  priceAmount: 9.95
team:
  - username: ceastwood
    role: Data Scientist
roles:
  - role: microstrategy_user_opr
    access: read
slaDefaultElement: tab1.txn_ref_dt
slaProperties:
  - property: latency
    value: 4
    unit: d
support:
  - channel: '#product-help'
    tool: slack
tags: [transactions]
customProperties:
  - property: refRulesetName
    value: gcsc.ruleset.name
contractCreatedTs: 2022-11-15T02:59:43+00:00
"#;

/// Put together from the sections "Logical Type Options" and "Data Quality" of the standard's
/// documentation (bitol-io/open-data-contract-standard, Apache-2.0), in the keys of 3.1.
const DOCUMENTATION: &str = r#"
apiVersion: v3.1.0
kind: DataContract
id: doc
version: 1.0.0
status: draft
schema:
  - name: orders
    logicalType: object
    physicalType: table
    properties:
      - name: order_id
        logicalType: string
        required: true
        unique: true
        logicalTypeOptions: {format: uuid}
        relationships:
          - to: customers.order_id
      - name: event_date
        logicalType: timestamp
        logicalTypeOptions:
          format: "yyyy-MM-ddTHH:mm:ssZ"
          minimum: "2020-01-01T00:00:00Z"
          exclusiveMaximum: "2030-01-01T00:00:00Z"
          timezone: true
      - name: amount
        logicalType: number
        logicalTypeOptions: {minimum: 0, exclusiveMaximum: 1000000.5, multipleOf: 0.01}
        quality:
          - metric: nullValues
            mustBeLessThan: 1
            unit: percent
          - metric: invalidValues
            arguments:
              validValues: ['pounds', 'kg', 3]
            mustBeLessThan: 5
            unit: rows
          - metric: missingValues
            arguments:
              missingValues: [null, '', 'N/A', 'n/a']
            mustBeLessThan: 100
    quality:
      - metric: duplicateValues
        arguments:
          properties: [order_id, event_date]
        mustBe: 0
      - type: sql
        query: |
          SELECT COUNT(*) FROM ${object} WHERE amount IS NOT NULL
        mustBeGreaterOrEqualTo: 3600
      - type: custom
        engine: greatExpectations
        implementation: |
          type: expect_table_row_count_to_be_between
          kwargs: {minValue: 10000}
      - type: text
        description: The email address was verified by the system.
        dimension: completeness
"#;

#[test]
fn the_full_example_of_the_standard_is_read() {
    let reading = clean(FULL_EXAMPLE);
    let object = reading
        .contract
        .object(None, "anything")
        .expect("the only object");
    assert_eq!(object.properties.len(), 3);
    assert_eq!(
        object
            .primary_key()
            .iter()
            .map(|property| property.name.as_str())
            .collect::<Vec<_>>(),
        ["rcvr_id"]
    );
    let unchecked: Vec<_> = reading
        .contract
        .unchecked
        .iter()
        .map(|rule| (rule.location.as_str(), rule.rule.as_str()))
        .collect();
    assert_eq!(
        unchecked,
        [("tbl.rcvr_cntry_code", "nullCheck"), ("tbl", "countCheck")]
    );
}

#[test]
fn the_examples_of_the_documentation_are_read() {
    let reading = clean(DOCUMENTATION);
    let [id, date, amount] = reading.contract.objects[0].properties.as_slice() else {
        panic!("three properties")
    };
    assert!(matches!(id.constraints.format, Some(Format::Text(_))));
    assert_eq!(date.logical_type, Some(LogicalType::Timestamp));
    let Some(Format::Temporal(format)) = &date.constraints.format else {
        panic!("a date format")
    };
    assert!(format.parse(b"2024-03-10T14:22:35Z").is_some());
    let kinds: Vec<_> = amount.quality.iter().map(|quality| &quality.kind).collect();
    assert!(
        matches!(kinds[1], QualityKind::Metric { metric: Metric::InvalidValues { valid_values: Some(values), .. }, .. } if values.len() == 3)
    );
    assert!(matches!(
        kinds[2],
        QualityKind::Metric {
            operator: Operator::MustBeLessThan(_),
            ..
        }
    ));
    let unchecked: Vec<_> = reading
        .contract
        .unchecked
        .iter()
        .map(|rule| rule.rule.as_str())
        .collect();
    assert_eq!(unchecked, ["relationships", "sql", "custom", "text"]);
    assert_eq!(reading.contract.unchecked[3].kind, UncheckedKind::Text);
}

#[test]
fn a_contract_of_version_2_is_refused_by_name() {
    let text = FULL_EXAMPLE.replace("v3.0.2", "v2.2.2");
    assert_eq!(
        findings(&text),
        ["error unsupported-version @v2.2.2: version `v2.2.2` of the standard is not supported"]
    );
}

#[test]
fn the_example_of_the_readme_is_read_in_full() {
    let reading = clean(include_str!("../../../../../examples/flights.odcs.yaml"));
    assert_eq!(reading.contract.unchecked, []);
}

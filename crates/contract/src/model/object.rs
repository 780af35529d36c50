//! An object: one table, file or record type.

use super::{CsvFacts, DuplicateColumns, Extra, ExtraColumns, Property, Quality};

/// One table, file or record type of a contract.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Object {
    /// Name in the contract.
    pub name: String,
    /// Name where the data lies, if it differs.
    pub physical_name: Option<String>,
    /// For people.
    pub description: Option<String>,
    /// The columns, in the order of the contract.
    pub properties: Vec<Property>,
    /// Rules about the object as a whole.
    pub quality: Vec<Quality>,
    /// How its CSV files are written.
    pub csv: CsvFacts,
    /// What columns beside those of the contract mean; `None`: a violation in a CSV header, nothing in JSON.
    pub extra_columns: Option<ExtraColumns>,
    /// What columns mean that repeat a name; `None`: a violation.
    pub duplicate_columns: Option<DuplicateColumns>,
    /// Descriptive keys, written back as they came.
    pub extra: Extra,
}

impl Object {
    /// An object without properties yet.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }

    /// Adds a property.
    #[must_use]
    pub fn property(mut self, property: Property) -> Self {
        self.properties.push(property);
        self
    }

    /// Adds a rule about the object as a whole.
    #[must_use]
    pub fn quality(mut self, quality: Quality) -> Self {
        self.quality.push(quality);
        self
    }

    /// Sets how its CSV files are written.
    #[must_use]
    pub fn csv(mut self, csv: CsvFacts) -> Self {
        self.csv = csv;
        self
    }

    /// Sets what columns beside those of the contract mean, in every format.
    #[must_use]
    pub fn extra_columns(mut self, extra_columns: ExtraColumns) -> Self {
        self.extra_columns = Some(extra_columns);
        self
    }

    /// Sets what columns mean that repeat a name.
    #[must_use]
    pub fn duplicate_columns(mut self, duplicate_columns: DuplicateColumns) -> Self {
        self.duplicate_columns = Some(duplicate_columns);
        self
    }

    /// Sets the name where the data lies.
    #[must_use]
    pub fn physical_name(mut self, name: impl Into<String>) -> Self {
        self.physical_name = Some(name.into());
        self
    }

    /// Describes the object for people.
    #[must_use]
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }

    /// The properties that make up the primary key, in key order.
    ///
    /// A key without positions follows the order of the contract.
    pub fn primary_key(&self) -> Vec<&Property> {
        let mut key: Vec<_> = self
            .properties
            .iter()
            .filter(|property| property.primary_key_position.is_some())
            .collect();
        key.sort_by_key(|property| property.primary_key_position);
        key
    }
}

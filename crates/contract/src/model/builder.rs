//! Contracts made in code.
//!
//! ```
//! use tamis_contract::model::{Contract, Object, Property};
//!
//! let contract = Contract::builder("orders")
//!     .version("1.0.0")
//!     .object(
//!         Object::new("orders")
//!             .property(Property::string("id").required().unique().pattern("^TX\\d{10}$")?)
//!             .property(Property::integer("quantity").minimum(1).maximum(1_000)),
//!     )
//!     .build();
//! assert_eq!(contract.objects[0].properties[1].name, "quantity");
//! # Ok::<(), tamis_contract::pattern::PatternError>(())
//! ```

use super::{Contract, Extra, Object};

/// Puts a [`Contract`] together; made by [`Contract::builder`].
#[derive(Clone, Debug)]
pub struct ContractBuilder {
    contract: Contract,
}

impl ContractBuilder {
    /// The version of the standard that built contracts follow.
    pub const API_VERSION: &'static str = "v3.2.0";

    pub(super) fn new(id: String) -> Self {
        Self {
            contract: Contract {
                api_version: Self::API_VERSION.to_owned(),
                id,
                name: None,
                version: "1.0.0".to_owned(),
                status: Some("draft".to_owned()),
                objects: Vec::new(),
                extra: Extra::new(),
                unchecked: Vec::new(),
            },
        }
    }

    /// Names the contract for people.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.contract.name = Some(name.into());
        self
    }

    /// Sets the version of the contract (`1.0.0` unless set).
    #[must_use]
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.contract.version = version.into();
        self
    }

    /// Sets the status (`draft` unless set).
    #[must_use]
    pub fn status(mut self, status: impl Into<String>) -> Self {
        self.contract.status = Some(status.into());
        self
    }

    /// Adds an object.
    #[must_use]
    pub fn object(mut self, object: Object) -> Self {
        self.contract.objects.push(object);
        self
    }

    /// The contract.
    pub fn build(self) -> Contract {
        self.contract
    }
}

//! The top level of a contract.

use std::collections::HashMap;

use crate::model::Contract;

use super::fields::Fields;
use super::reader::Reader;
use super::yaml::Node;

/// Keys of the standard that describe a contract and check nothing.
const DESCRIPTIVE: &[&str] = &[
    "authoritativeDefinitions",
    "context",
    "contractCreatedTs",
    "customProperties",
    "dataProduct",
    "description",
    "domain",
    "price",
    "roles",
    "servers",
    "slaDefaultElement",
    "slaProperties",
    "support",
    "tags",
    "team",
    "tenant",
];

impl Reader<'_> {
    /// The contract; `None` if the file is not one at all.
    pub(super) fn contract(&mut self, root: &Node) -> Option<Contract> {
        let mut fields = Fields::of(self, "a contract", root)?;
        // A place for what is missing: the first line rather than the whole file.
        let start = fields.span.start..fields.span.start;
        let api_version = match fields.take("apiVersion") {
            Some(node) => self.text_of("apiVersion", node).inspect(|version| {
                if !is_supported(version) {
                    let message = format!("version `{version}` of the standard is not supported");
                    self.error_with_help(
                        "unsupported-version",
                        &node.span,
                        message,
                        "Tamis reads v3.0, v3.1 and v3.2 contracts",
                    );
                }
            }),
            None => {
                let help = "Tamis reads ODCS contracts; start with `apiVersion: v3.2.0`";
                self.error_with_help("missing-key", &start, "`apiVersion` is missing", help);
                None
            }
        };
        match fields.take("kind") {
            Some(node) => {
                if self
                    .text_of("kind", node)
                    .is_some_and(|kind| kind != "DataContract")
                {
                    self.error("unknown-value", &node.span, "`kind` must be `DataContract`");
                }
            }
            None => self.error_with_help(
                "missing-key",
                &start,
                "`kind` is missing",
                "write `kind: DataContract`",
            ),
        }
        let mut expected = |fields: &mut Fields<'_>, key| {
            let text = fields.text(self, key);
            if text.is_none() && !fields.has(key) {
                let help = format!("the standard wants one; write `{key}: ...`");
                self.warning("missing-key", &start, format!("`{key}` is missing"), help);
            }
            text
        };
        let id = expected(&mut fields, "id").unwrap_or_default();
        let version = expected(&mut fields, "version").unwrap_or_default();
        let name = fields.text(self, "name");
        let status = fields.text(self, "status");
        if !fields.has("schema") {
            let help = "describe at least one object: `schema: [{name: ..., properties: [...]}]`";
            self.error_with_help(
                "missing-key",
                &start,
                "`schema` is missing, so there is nothing to check",
                help,
            );
        }
        let mut objects = Vec::new();
        let mut seen = HashMap::new();
        for node in fields.list(self, "schema") {
            let Some(object) = self.object(node) else {
                continue;
            };
            if seen.insert(object.name.clone(), ()).is_some() {
                let message = format!("two objects are named `{}`", object.name);
                self.error("duplicate-name", &node.span, message);
            }
            objects.push(object);
        }
        let extra = fields.finish(self, DESCRIPTIVE);
        let unchecked = std::mem::take(&mut self.unchecked);
        let api_version = api_version.unwrap_or_default();
        Some(Contract {
            api_version,
            id,
            name,
            version,
            status,
            objects,
            extra,
            unchecked,
        })
    }
}

/// Whether a contract of this version can be read: any 3.0, 3.1 or 3.2.
fn is_supported(version: &str) -> bool {
    let mut parts = version.strip_prefix('v').unwrap_or(version).split('.');
    let major_minor = (parts.next(), parts.next());
    matches!(major_minor, (Some("3"), Some("0" | "1" | "2")))
        && parts.all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

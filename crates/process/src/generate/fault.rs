//! The ways in which a generated row can be bad, and which rule of the contract each one breaks.

/// What is wrong with a bad row. A bad row has exactly one fault, and a fault breaks exactly one rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fault {
    /// `XT` in place of `TX`.
    IdPrefix,
    /// An id that lacks one of its twelve characters.
    IdShort,
    /// No id.
    IdEmpty,
    /// An amount below zero.
    AmountNegative,
    /// An amount above 1,000,000.
    AmountTooLarge,
    /// A word in place of the amount.
    AmountText,
    /// No amount.
    AmountEmpty,
    /// No timestamp.
    TimestampEmpty,
    /// A date that is not in the calendar, 30 February.
    TimestampImpossible,
    /// An account of fewer than 8 characters.
    AccountShort,
    /// An account of more than 20 characters.
    AccountLong,
    /// No account.
    AccountEmpty,
    /// A country that is not in the list.
    CountryUnknown,
}

impl Fault {
    /// Every fault, in the order of the columns.
    pub const ALL: [Self; 13] = [
        Self::IdPrefix,
        Self::IdShort,
        Self::IdEmpty,
        Self::AmountNegative,
        Self::AmountTooLarge,
        Self::AmountText,
        Self::AmountEmpty,
        Self::TimestampEmpty,
        Self::TimestampImpossible,
        Self::AccountShort,
        Self::AccountLong,
        Self::AccountEmpty,
        Self::CountryUnknown,
    ];

    /// The name of the fault in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::IdPrefix => "id_prefix",
            Self::IdShort => "id_short",
            Self::IdEmpty => "id_empty",
            Self::AmountNegative => "amount_negative",
            Self::AmountTooLarge => "amount_too_large",
            Self::AmountText => "amount_text",
            Self::AmountEmpty => "amount_empty",
            Self::TimestampEmpty => "timestamp_empty",
            Self::TimestampImpossible => "timestamp_impossible",
            Self::AccountShort => "account_short",
            Self::AccountLong => "account_long",
            Self::AccountEmpty => "account_empty",
            Self::CountryUnknown => "country_unknown",
        }
    }

    /// The column that holds the fault.
    pub fn column(self) -> &'static str {
        match self {
            Self::IdPrefix | Self::IdShort | Self::IdEmpty => "transaction_id",
            Self::AmountNegative | Self::AmountTooLarge | Self::AmountText | Self::AmountEmpty => {
                "amount"
            }
            Self::TimestampEmpty | Self::TimestampImpossible => "timestamp",
            Self::AccountShort | Self::AccountLong | Self::AccountEmpty => "account_id",
            Self::CountryUnknown => "country",
        }
    }

    /// The rule of the contract that the fault breaks, in the contract's own word.
    pub fn rule(self) -> &'static str {
        match self {
            Self::IdEmpty | Self::AmountEmpty | Self::TimestampEmpty | Self::AccountEmpty => {
                "required"
            }
            Self::IdPrefix | Self::IdShort => "pattern",
            Self::AmountNegative => "minimum",
            Self::AmountTooLarge => "maximum",
            Self::AmountText | Self::TimestampImpossible => "type",
            Self::AccountShort => "minLength",
            Self::AccountLong => "maxLength",
            Self::CountryUnknown => "invalidValues",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_is_in_declaration_order() {
        // `Manifest` counts by `fault as usize`.
        for (index, fault) in Fault::ALL.into_iter().enumerate() {
            assert_eq!(fault as usize, index);
        }
    }
}

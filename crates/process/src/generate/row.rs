//! One row: the values that follow from the seed and the row's number.

use super::fault::Fault;
use super::random::{RowRandom, below, mix};
use super::text::Text;

/// How many distinct ids there are: ten digits.
pub(super) const DISTINCT_IDS: u64 = 10_000_000_000;

/// Coprime to 10, so that `row * ID_STEP + offset` modulo 10^10 visits every id once; below 1.8e9,
/// so that the product stays below 2^64.
const ID_STEP: u64 = 1_234_567_891;

/// Accounts in the data, so that grouping by account means something.
const ACCOUNTS: u32 = 100_000;

/// The countries that the contract allows.
pub(super) const COUNTRIES: [&str; 16] = [
    "AT", "BE", "CH", "CZ", "DE", "DK", "ES", "FI", "FR", "GB", "IE", "IT", "NL", "PL", "PT", "SE",
];

/// Not a country: ISO 3166-1 leaves `ZZ` to its users.
const NO_COUNTRY: &str = "ZZ";

/// Largest amounts in cents. Drawn evenly, they give amounts of all lengths, most of them small.
const AMOUNT_LIMITS_CENTS: [u32; 8] = [
    1_000,
    10_000,
    10_000,
    100_000,
    100_000,
    1_000_000,
    10_000_000,
    100_000_000,
];

/// The values of one row; an empty text is a missing value.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) transaction_id: Text,
    pub(super) amount: Text,
    /// Whether `amount` is a number or a word: JSON writes them differently.
    pub(super) amount_is_number: bool,
    pub(super) timestamp: Text,
    pub(super) account_id: Text,
    pub(super) country: &'static str,
    /// 16 bits to choose the memo by.
    pub(super) memo_bits: u16,
}

impl Row {
    /// Row `number` (from 0) of the data set with this seed, with `fault` if it is to be bad.
    pub(super) fn new(seed: u64, number: u64, random: RowRandom, fault: Option<Fault>) -> Self {
        let choice = random.draw(2);
        Self {
            transaction_id: transaction_id(seed, number, fault),
            amount: amount(random.draw(0), fault),
            amount_is_number: fault != Some(Fault::AmountText),
            timestamp: timestamp(random.draw(1), fault),
            account_id: account_id(seed, below(choice as u32, ACCOUNTS), fault),
            country: match fault {
                Some(Fault::CountryUnknown) => NO_COUNTRY,
                _ => COUNTRIES[(choice >> 32) as usize % COUNTRIES.len()],
            },
            memo_bits: (choice >> 48) as u16,
        }
    }
}

fn transaction_id(seed: u64, number: u64, fault: Option<Fault>) -> Text {
    let mut text = Text::default();
    // A bad id keeps its ten digits, so that ids stay distinct and a bad row breaks one rule only.
    match fault {
        Some(Fault::IdEmpty) => return text,
        Some(Fault::IdPrefix) => text.push(b"XT"),
        Some(Fault::IdShort) => text.push(b"T"),
        _ => text.push(b"TX"),
    }
    text.push_ten_digits((number * ID_STEP + seed % ID_STEP) % DISTINCT_IDS);
    text
}

fn amount(bits: u64, fault: Option<Fault>) -> Text {
    let limit_cents = AMOUNT_LIMITS_CENTS[bits as usize % AMOUNT_LIMITS_CENTS.len()];
    let cents = 1 + below((bits >> 32) as u32, limit_cents);
    let mut text = Text::default();
    let cents = match fault {
        Some(Fault::AmountEmpty) => return text,
        Some(Fault::AmountText) => {
            text.push(b"twelve");
            return text;
        }
        Some(Fault::AmountNegative) => {
            text.push(b"-");
            cents
        }
        Some(Fault::AmountTooLarge) => 100_000_000 + cents,
        _ => cents,
    };
    text.push_number(cents / 100);
    text.push(b".");
    text.push_pair(cents % 100);
    text
}

/// `2025-03-01T12:34:56Z`: a second of the year 2025. Days end at 28, so that every month has them.
fn timestamp(bits: u64, fault: Option<Fault>) -> Text {
    let mut text = Text::default();
    if fault == Some(Fault::TimestampEmpty) {
        return text;
    }
    let second_of_day = below(bits as u32, 86_400);
    let day_of_year = below((bits >> 32) as u32, 12 * 28);
    let (month, day) = match fault {
        Some(Fault::TimestampImpossible) => (2, 30),
        _ => (day_of_year / 28 + 1, day_of_year % 28 + 1),
    };
    text.push(b"2025-");
    text.push_pair(month);
    text.push(b"-");
    text.push_pair(day);
    text.push(b"T");
    text.push_pair(second_of_day / 3600);
    text.push(b":");
    text.push_pair(second_of_day / 60 % 60);
    text.push(b":");
    text.push_pair(second_of_day % 60);
    text.push(b"Z");
    text
}

/// Letters and digits that are hard to confuse (Crockford's base 32).
const ACCOUNT_CHARACTERS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

fn account_id(seed: u64, account: u32, fault: Option<Fault>) -> Text {
    let mut text = Text::default();
    let identity = mix(seed ^ (u64::from(account) << 32));
    let len = match fault {
        Some(Fault::AccountEmpty) => return text,
        Some(Fault::AccountShort) => 1 + identity % 7,
        Some(Fault::AccountLong) => 21 + identity % 4,
        _ => 8 + identity % 13,
    };
    for bits in [identity, mix(identity)] {
        // Twelve characters of five bits each from the upper 60 bits.
        let characters: [u8; 12] =
            std::array::from_fn(|i| ACCOUNT_CHARACTERS[(bits >> (4 + 5 * i)) as usize % 32]);
        text.push(&characters);
    }
    text.truncate(len as usize);
    text
}

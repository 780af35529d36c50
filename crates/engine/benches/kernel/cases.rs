//! One case for each kernel: a function of the crate on data such as a check gives it.
//!
//! A new kernel gets a case here, and with it its timing and its place in the gate against regressions.

use std::hint::black_box;

use tamis_engine::kernel::{
    Bound, ByteSet, ClassRun, DateTimeShape, DecimalRange, Empty, IndexState, JsonStrings, Kernel,
    Lengths, Position, ShortSet, Spans, Structure, Template,
};
use tamis_engine::number::Decimal;

const BLOCK_BYTES: usize = 64 * 1024;
const COLUMNS: usize = 7;
const STRUCTURE: Structure = Structure {
    delimiter: b',',
    quote: Some(b'"'),
};
const COUNTRIES: [&str; 20] = [
    "AT", "BE", "BR", "CA", "CH", "CN", "DE", "DK", "ES", "FI", "FR", "GB", "IN", "IT", "JP", "NL",
    "NO", "PL", "SE", "US",
];

/// What a rate of a case counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Amount {
    Bytes(usize),
    Rows(usize),
}

/// A kernel and what it is given.
pub(crate) struct Case<'a> {
    pub(crate) name: &'static str,
    pub(crate) amount: Amount,
    pub(crate) run: Box<dyn FnMut(Kernel) + 'a>,
}

/// What is asked of an id, an amount and a country.
pub(crate) struct Rules {
    pub(crate) template: Template,
    pub(crate) range: DecimalRange,
    pub(crate) set: ShortSet,
}

impl Rules {
    pub(crate) fn new() -> Self {
        let mut positions = vec![Position::byte(b'T'), Position::byte(b'X')];
        positions.extend(vec![Position::range(b'0'..=b'9'); 10]);
        let template = Template::new(&positions).expect("12 positions");
        let bound = |text: &[u8]| {
            Decimal::parse(text).map(|value| Bound {
                value,
                exclusive: false,
            })
        };
        let range = DecimalRange::new(bound(b"0.01").as_ref(), bound(b"1000000").as_ref(), false);
        Self {
            template,
            range,
            set: ShortSet::new(&COUNTRIES.map(str::as_bytes)).expect("short names"),
        }
    }
}

/// A block of transactions and its index.
pub(crate) struct Block {
    bytes: Vec<u8>,
    index: Vec<u32>,
    pub(crate) rows: usize,
    json: Vec<u8>,
    /// The values of the amounts.
    values: Vec<f64>,
}

impl Block {
    /// The same one each time.
    pub(crate) fn transactions() -> Self {
        let bytes = csv();
        let mut index = vec![u32::MAX];
        let mut state = IndexState::default();
        let kernel = Kernel::scalar();
        let indexed = kernel.index(&bytes, 0, bytes.len(), &STRUCTURE, &mut state, &mut index);
        let mut block = Self {
            rows: indexed.terminators,
            bytes,
            index,
            json: json(),
            values: Vec::new(),
        };
        let mut values = Vec::new();
        let mut suspects = vec![0; block.rows.div_ceil(64)];
        kernel.parse_f64s(&block.column(1), &mut values, &mut suspects);
        block.values = values;
        block
    }

    /// One of its columns.
    pub(crate) fn column(&self, first: usize) -> Spans<'_> {
        Spans {
            bytes: &self.bytes,
            index: &self.index,
            first,
            stride: COLUMNS,
            rows: self.rows,
            trim_cr: false,
        }
    }

    /// Every kernel.
    pub(crate) fn cases(&self) -> Vec<Case<'_>> {
        let mut cases = self.byte_kernels();
        cases.extend(self.column_kernels());
        cases.extend(self.number_kernels());
        cases
    }

    fn byte_kernels(&self) -> Vec<Case<'_>> {
        let bytes = &self.bytes[..];
        let case = |name, run| Case {
            name,
            amount: Amount::Bytes(bytes.len()),
            run,
        };
        let mut out = Vec::new();
        let digit = ByteSet::of(b'0'..=b'9');
        let run = [ByteSet::of(*b"_"), digit, digit, digit];
        let run = ClassRun::new(&[&run]).expect("two classes");
        let letters = [b"Qq", b"Zz", b"Xx", b"Jj"].map(|letter| ByteSet::of(*letter));
        let letters = ClassRun::new(&[&letters]).expect("four classes");
        let mut stops = Vec::new();
        let mut nesting = Vec::new();
        let mut marks = [
            vec![0; bytes.len().div_ceil(64)],
            vec![0; bytes.len().div_ceil(64)],
        ];
        vec![
            case(
                "count_byte",
                Box::new(move |kernel| {
                    black_box(kernel.count_byte(black_box(bytes), b'\n'));
                }),
            ),
            case(
                "count_chars",
                Box::new(move |kernel| {
                    black_box(kernel.count_chars(black_box(bytes)));
                }),
            ),
            case(
                "is_ascii",
                Box::new(move |kernel| {
                    black_box(kernel.is_ascii(black_box(bytes)));
                }),
            ),
            case(
                "mark_text",
                Box::new(move |kernel| {
                    let [spaces, odd] = &mut marks;
                    kernel.mark_text(black_box(bytes), spaces, odd);
                    black_box(&marks);
                }),
            ),
            case(
                "find_class_run",
                Box::new(move |kernel| {
                    black_box(kernel.find_class_run(&run, black_box(bytes), 0));
                }),
            ),
            case(
                "find_class_run (letters)",
                Box::new(move |kernel| {
                    black_box(kernel.find_class_run(&letters, black_box(bytes), 0));
                }),
            ),
            case(
                "scan_quotes",
                Box::new(move |kernel| {
                    black_box(kernel.scan_quotes(black_box(bytes), b',', b'"'));
                }),
            ),
            case(
                "index",
                Box::new(move |kernel| {
                    out.clear();
                    let state = &mut IndexState::default();
                    let bytes = black_box(bytes);
                    black_box(kernel.index(bytes, 0, bytes.len(), &STRUCTURE, state, &mut out));
                }),
            ),
            Case {
                name: "json_nesting",
                amount: Amount::Bytes(self.json.len()),
                run: Box::new(move |kernel| {
                    let strings = &mut JsonStrings::default();
                    kernel.json_nesting(black_box(&self.json), strings, &mut nesting);
                    black_box(&nesting);
                }),
            },
            Case {
                name: "json_stops",
                amount: Amount::Bytes(self.json.len()),
                run: Box::new(move |kernel| {
                    black_box(kernel.json_stops(black_box(&self.json), &mut stops));
                }),
            },
        ]
    }

    /// A loop that marks the suspect rows of a column.
    fn marks<'a>(
        &'a self,
        name: &'static str,
        column: usize,
        mut mark: impl FnMut(Kernel, &Spans<'_>, &mut [u64]) + 'a,
    ) -> Case<'a> {
        let spans = self.column(column);
        let mut suspects = vec![0; self.rows.div_ceil(64)];
        Case {
            name,
            amount: Amount::Rows(self.rows),
            run: Box::new(move |kernel| mark(kernel, black_box(&spans), &mut suspects)),
        }
    }

    fn column_kernels(&self) -> Vec<Case<'_>> {
        let Rules {
            template,
            range,
            set,
        } = Rules::new();
        let lengths = Lengths {
            min: 8,
            max: 20,
            quote: Some(b'"'),
            ascii: true,
        };
        let any_text = Lengths {
            ascii: false,
            ..lengths
        };
        vec![
            self.marks("mark_empty", 0, |kernel, spans, suspects| {
                kernel.mark_empty(spans, suspects);
            }),
            self.marks("mark_template", 0, move |kernel, spans, suspects| {
                kernel.mark_template(spans, &template, Empty::Pass, suspects);
            }),
            self.marks("mark_decimal", 1, move |kernel, spans, suspects| {
                kernel.mark_decimal(spans, &range, Empty::Pass, suspects);
            }),
            self.marks("mark_date_time", 2, |kernel, spans, suspects| {
                kernel.mark_date_time(spans, DateTimeShape::DateTime, Empty::Pass, suspects);
            }),
            self.marks("mark_length (ASCII)", 3, move |kernel, spans, suspects| {
                kernel.mark_length(spans, lengths, Empty::Pass, suspects);
            }),
            self.marks("mark_length (UTF-8)", 3, move |kernel, spans, suspects| {
                kernel.mark_length(spans, any_text, Empty::Pass, suspects);
            }),
            self.marks("mark_set", 4, move |kernel, spans, suspects| {
                kernel.mark_set(spans, &set, Empty::Pass, suspects);
            }),
        ]
    }

    fn number_kernels(&self) -> Vec<Case<'_>> {
        let rows = self.rows;
        let (amounts, quantities) = (self.column(1), self.column(5));
        let case = |name, run| Case {
            name,
            amount: Amount::Rows(rows),
            run,
        };
        let mut out = Vec::new();
        let parse_f64s = self.marks("parse_f64s", 1, move |kernel, spans, suspects| {
            out.clear();
            kernel.parse_f64s(spans, &mut out, suspects);
        });
        let mut fixed = Vec::new();
        let parse_fixed = self.marks("parse_fixed", 1, move |kernel, spans, suspects| {
            fixed.clear();
            kernel.parse_fixed(spans, b'.', 2, &mut fixed, suspects);
        });
        let mut numbers = vec![0.0; rows];
        let read_f64s = self.marks("read_f64s", 1, move |kernel, spans, suspects| {
            kernel.read_f64s(spans, &mut numbers, suspects);
        });
        let mut integers = vec![0; rows];
        let read_i64s = self.marks("read_i64s", 5, move |kernel, spans, suspects| {
            kernel.read_i64s(spans, &mut integers, suspects);
        });
        let mut moments = vec![0; rows];
        let read_moments = self.marks("read_moments", 2, move |kernel, spans, suspects| {
            kernel.read_moments(spans, DateTimeShape::DateTime, &mut moments, suspects);
        });
        vec![
            parse_f64s,
            parse_fixed,
            read_f64s,
            read_i64s,
            read_moments,
            case(
                "parse_f64",
                Box::new(move |kernel| {
                    for row in 0..rows {
                        black_box(kernel.parse_f64(black_box(amounts.field(row))));
                    }
                }),
            ),
            case(
                "parse_i64",
                Box::new(move |kernel| {
                    for row in 0..rows {
                        black_box(kernel.parse_i64(black_box(quantities.field(row))));
                    }
                }),
            ),
            case(
                "min_max_f64",
                Box::new(move |kernel| {
                    black_box(kernel.min_max_f64(black_box(&self.values)));
                }),
            ),
        ]
    }
}

/// Records of about 70 bytes and seven columns; one in ten ends in a quoted field.
fn csv() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = String::new();
    while text.len() < BLOCK_BYTES {
        let cents = 10_u64.pow(random.u32(2..9));
        text += &format!("TX{:010},", random.u64(0..10_000_000_000));
        text += &format!(
            "{}.{:02},",
            random.u64(0..cents / 100 + 1),
            random.u32(0..100)
        );
        let (month, day) = (random.u32(1..13), random.u32(1..29));
        let (hour, minute, second) = (random.u32(0..24), random.u32(0..60), random.u32(0..60));
        text += &format!("2024-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z,");
        text += &format!(
            "AC{:0width$},",
            random.u32(0..1_000_000),
            width = random.usize(6..18)
        );
        text += COUNTRIES[random.usize(0..COUNTRIES.len())];
        text += &format!(",{}", random.u32(0..1000) * random.u32(0..1000));
        text += if random.u32(0..10) == 0 {
            ",\"paid, in \"\"cash\"\"\"\n"
        } else {
            ",paid\n"
        };
    }
    text.into_bytes()
}

/// The same sort of records as JSON lines.
fn json() -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let mut text = String::new();
    while text.len() < BLOCK_BYTES {
        text += &format!(
            "{{\"transaction_id\":\"TX{:010}\",\"amount\":{}.{:02},\"country\":\"{}\",\"memo\":\"{}\"}}\n",
            random.u64(0..10_000_000_000),
            random.u32(0..100_000),
            random.u32(0..100),
            COUNTRIES[random.usize(0..COUNTRIES.len())],
            ["paid", "in \\\"cash\\\"", "caf\u{e9}"][random.usize(0..3)],
        );
    }
    text.into_bytes()
}

//! Every kernel of this CPU gives what the scalar one gives: same results, same bits, whatever the
//! alignment, and however a range is split into calls.
//!
//! `TAMIS_SOAK=n` runs `n` times as many cases.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::number::Decimal;

fn config() -> ProptestConfig {
    let factor = std::env::var("TAMIS_SOAK")
        .ok()
        .and_then(|factor| factor.parse().ok())
        .unwrap_or(1);
    ProptestConfig::with_cases(256 * factor)
}

/// The kernels that are held to [`Kernel::scalar`].
fn others() -> Vec<Kernel> {
    Kernel::available().split_off(1)
}

/// Text in which everything that matters to CSV is common, and blocks of 64 bytes without it too.
fn csv_text() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![
        6 => Just(b'a'), 3 => Just(b','), 3 => Just(b'"'), 2 => Just(b'\n'), 1 => Just(b'\r'), 1 => any::<u8>(),
    ];
    let field = prop_oneof![
        "[a-z]{0,12}".prop_map(String::into_bytes),
        Just(b"\"quoted, \"\"field\"\"\nof lines\"".to_vec()),
        Just(vec![b'x'; 100]),
        "[é-ü]{1,30}".prop_map(String::into_bytes),
        vec(byte, 0..6),
    ];
    vec((field, select(vec![&b","[..], b"\n", b"\r\n"])), 0..40).prop_map(|fields| {
        fields
            .into_iter()
            .flat_map(|(field, end)| [&field[..], end].concat())
            .collect()
    })
}

/// Classes as patterns have them, and some that are hard to make of few buckets.
fn byte_set() -> impl Strategy<Value = ByteSet> {
    let range = |range: std::ops::RangeInclusive<u8>| Just(ByteSet::of(range));
    prop_oneof![
        any::<u8>().prop_map(|byte| ByteSet::of([byte])),
        select(&b"_a0Z\n"[..]).prop_map(|byte| ByteSet::of([byte])),
        range(b'0'..=b'9'),
        range(b'a'..=b'z'),
        range(0x80..=0xFF),
        range(0..=0xFF),
        Just(ByteSet::of((0..=0xFF).filter(u8::is_ascii_alphanumeric))),
        vec(any::<u8>(), 1..100).prop_map(ByteSet::of),
    ]
}

/// Fields joined into one text, with what a column kernel is given to find them.
#[derive(Debug)]
struct Column {
    bytes: Vec<u8>,
    index: Vec<u32>,
    stride: usize,
    ends: &'static str,
}

impl Column {
    /// The fields of the first column, followed by `stride - 1` empty ones. `padding` puts the
    /// first field at every alignment; nothing follows the last.
    fn new(fields: &[Vec<u8>], stride: usize, padding: usize, ends: &'static str) -> Column {
        let mut bytes = vec![b'p'; padding];
        let mut index = vec![(padding as u32).wrapping_sub(1)];
        for field in fields {
            bytes.extend(field);
            bytes.extend(ends.bytes().filter(|&byte| byte == b'\r'));
            index.push(bytes.len() as u32);
            bytes.push(b'\n');
            for _ in 1..stride {
                index.push(bytes.len() as u32);
                bytes.push(b',');
            }
        }
        if !fields.is_empty() && stride == 1 {
            bytes.pop();
        }
        Column {
            bytes,
            index,
            stride,
            ends,
        }
    }

    fn spans(&self) -> Spans<'_> {
        Spans {
            bytes: &self.bytes,
            index: &self.index,
            first: 0,
            stride: self.stride,
            rows: (self.index.len() - 1) / self.stride,
            trim_cr: self.ends == "\r\n",
        }
    }

    /// The rows a kernel marks, as a bitmap with a word too many.
    fn marked(&self, mark: impl Fn(&Spans<'_>, &mut [u64])) -> Vec<u64> {
        let spans = self.spans();
        let mut suspects = vec![0; spans.rows.div_ceil(64) + 1];
        mark(&spans, &mut suspects);
        suspects
    }

    /// Compares the bitmaps of all kernels, for both meanings of an empty field.
    fn agree(
        &self,
        mark: impl Fn(Kernel, &Spans<'_>, Empty, &mut [u64]),
    ) -> Result<(), TestCaseError> {
        for empty in [Empty::Pass, Empty::Suspect] {
            let expected =
                self.marked(|spans, suspects| mark(Kernel::scalar(), spans, empty, suspects));
            for kernel in others() {
                let found = self.marked(|spans, suspects| mark(kernel, spans, empty, suspects));
                prop_assert_eq!(&found, &expected, "{:?} {:?} {:?}", kernel, empty, self);
            }
        }
        Ok(())
    }
}

/// A column of such fields, among empty and arbitrary ones.
fn column(field: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Column> {
    let field = prop_oneof![
        8 => field.prop_map(String::into_bytes),
        1 => Just(Vec::new()),
        1 => vec(any::<u8>(), 0..40),
    ];
    (
        vec(field, 0..80),
        1..4_usize,
        0..20_usize,
        select(vec!["\n", "\r\n"]),
    )
        .prop_map(|(fields, stride, padding, ends)| Column::new(&fields, stride, padding, ends))
}

/// Changes one character of a text now and then: what is almost right finds the most.
fn nearly(text: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = String> {
    let change =
        prop_oneof![3 => Just(None), 1 => (any::<prop::sample::Index>(), "[ -~]").prop_map(Some)];
    (text, change).prop_map(|(text, change)| match change {
        Some((index, replacement)) if !text.is_empty() => {
            let at = index.index(text.len());
            format!("{}{replacement}{}", &text[..at], &text[at + 1..])
        }
        _ => text,
    })
}

/// Text a number may be, or nearly.
fn number() -> impl Strategy<Value = String> {
    nearly(prop_oneof![
        "-?[0-9]{1,6}(\\.[0-9]{1,4})?",
        "-?[0-9]{1,19}",
        "-?[0-9]{1,12}\\.[0-9]{1,12}",
        "-?[0-9]{1,3}\\.0{1,3}",
        "-?[0-9]{0,3}\\.?[0-9]{0,3}([eE][+-]?[0-9]{1,3})?",
        "-?[0-9.]{0,18}",
    ])
}

fn bound() -> impl Strategy<Value = Option<Bound>> {
    let value = "-?[0-9]{1,6}(\\.[0-9]{1,3})?|-?[0-9]{18,40}|-?[0-9]e-?[0-9]{1,2}";
    prop::option::of((value, any::<bool>()).prop_map(|(text, exclusive)| Bound {
        value: Decimal::parse(text.as_bytes()).expect("matches the grammar"),
        exclusive,
    }))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn counts(bytes in csv_text(), skip in 0..70_usize) {
        let bytes = &bytes[skip.min(bytes.len())..];
        for kernel in others() {
            prop_assert_eq!(kernel.count_byte(bytes, b'\n'), Kernel::scalar().count_byte(bytes, b'\n'));
            prop_assert_eq!(kernel.count_byte(bytes, 0), Kernel::scalar().count_byte(bytes, 0));
            prop_assert_eq!(kernel.count_chars(bytes), Kernel::scalar().count_chars(bytes));
            prop_assert_eq!(kernel.is_ascii(bytes), Kernel::scalar().is_ascii(bytes));
        }
        if let Ok(text) = std::str::from_utf8(bytes) {
            prop_assert_eq!(Kernel::scalar().count_chars(bytes), text.chars().count());
        }
    }

    /// Whatever the bitmaps held before.
    #[test]
    fn text(bytes in vec(prop_oneof![2 => 0..0x24_u8, 2 => select(&b"aZ~ \n"[..]), 1 => 0x7c..0x84_u8, 1 => any::<u8>()], 0..300)) {
        let marks = |kernel: Kernel| {
            let mut marks = [vec![0x55; bytes.len().div_ceil(64)], vec![0xaa; bytes.len().div_ceil(64)]];
            let [spaces, odd] = &mut marks;
            kernel.mark_text(&bytes, spaces, odd);
            marks
        };
        let expected = marks(Kernel::scalar());
        for kernel in others() {
            prop_assert_eq!(marks(kernel), expected.clone(), "{:?}", kernel);
        }
    }

    #[test]
    fn extremes(values in vec(prop_oneof![any::<f64>(), Just(0.0), Just(-0.0), Just(f64::NAN)], 0..40)) {
        let bits = |extremes: Option<(f64, f64)>| extremes.map(|(min, max)| (min.to_bits(), max.to_bits()));
        for kernel in others() {
            prop_assert_eq!(bits(kernel.min_max_f64(&values)), bits(Kernel::scalar().min_max_f64(&values)));
        }
    }

    /// Bit by bit as documented, whatever the buffer held before.
    #[test]
    fn json_stops(bytes in vec(prop_oneof![4 => 0x1e..0x24_u8, 1 => Just(b'\\'), 1 => any::<u8>()], 0..300)) {
        for kernel in Kernel::available() {
            let mut stops = vec![0x55; bytes.len() / 3];
            prop_assert_eq!(kernel.json_stops(&bytes, &mut stops), bytes.is_ascii(), "{:?}", kernel);
            prop_assert_eq!(stops.len(), (bytes.len() / 64 + 2) * 8);
            for (at, bit) in (0..stops.len() * 8).map(|at| (at, stops[at / 8] >> (at % 8) & 1 == 1)) {
                let stop = bytes.get(at).is_none_or(|&byte| byte < b' ' || byte == b'"' || byte == b'\\');
                prop_assert_eq!(bit, stop, "{:?} at {}", kernel, at);
            }
        }
    }

    /// Wherever the text is cut.
    #[test]
    fn json_nesting(
        bytes in vec(select(&b"\\\\\\\"\"{}[]\n,a"[..]), 0..400),
        cut in any::<prop::sample::Index>(),
    ) {
        let cut = cut.index(bytes.len() + 1);
        let nesting = |kernel: Kernel| {
            let mut strings = crate::kernel::JsonStrings::default();
            let mut found = Vec::new();
            for part in [&bytes[..cut], &bytes[cut..]] {
                let mut blocks = vec![crate::kernel::JsonNesting { quoted: 7, ..Default::default() }; 2];
                kernel.json_nesting(part, &mut strings, &mut blocks);
                if let (Some(last), len @ 1..) = (blocks.last_mut(), part.len() % 64) {
                    last.quoted &= (1 << len) - 1;
                }
                found.push((blocks, strings));
            }
            found
        };
        for kernel in others() {
            prop_assert_eq!(nesting(kernel), nesting(Kernel::scalar()), "{:?}", kernel);
        }
    }

    #[test]
    fn quotes(bytes in csv_text(), skip in 0..70_usize, delimiter in select(&b",\t;"[..])) {
        let bytes = &bytes[skip.min(bytes.len())..];
        let expected = Kernel::scalar().scan_quotes(bytes, delimiter, b'"');
        for kernel in others() {
            prop_assert_eq!(kernel.scan_quotes(bytes, delimiter, b'"'), expected, "{:?}", kernel);
        }
    }

    #[test]
    fn index_of_any_split(
        bytes in csv_text(),
        cuts in vec(any::<prop::sample::Index>(), 2..6),
        quote in select(vec![Some(b'"'), None]),
    ) {
        let structure = Structure { delimiter: b',', quote };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let index = |kernel: Kernel, cuts: &[usize]| {
            let (mut state, mut out, mut total) = (IndexState::default(), vec![7], Indexed::default());
            for cut in cuts.windows(2) {
                let part = kernel.index(&bytes, cut[0], cut[1], &structure, &mut state, &mut out);
                total.terminators += part.terminators;
                total.newlines += part.newlines;
                total.irregular = total.irregular.or(part.irregular);
                total.quotes |= part.quotes;
                total.non_ascii |= part.non_ascii;
            }
            (out, state, total)
        };
        let expected = index(Kernel::scalar(), &[cuts[0], cuts[cuts.len() - 1]]);
        for kernel in Kernel::available() {
            prop_assert_eq!(&index(kernel, &cuts), &expected, "{:?}", kernel);
        }
    }

    #[test]
    fn index_of_regular_input_gives_the_records_of_csv_core(bytes in csv_text()) {
        let structure = Structure { delimiter: b',', quote: Some(b'"') };
        let (mut state, mut out) = (IndexState::default(), Vec::new());
        let indexed =
            Kernel::scalar().index(&bytes, 0, bytes.len(), &structure, &mut state, &mut out);
        if indexed.irregular.is_some() || state.is_inside() {
            return Ok(());
        }
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&bytes[..]);
        let lengths: Vec<usize> = reader.byte_records().map(|record| record.unwrap().len()).collect();
        let (mut from, mut fields, mut expected) = (0, 0, Vec::new());
        for offset in out.into_iter().map(|offset| offset as usize) {
            fields += 1;
            if bytes[offset] == b'\n' {
                let is_blank = fields == 1 && matches!(&bytes[from..offset], [] | [b'\r']);
                expected.extend((!is_blank).then_some(fields));
                (from, fields) = (offset + 1, 0);
            }
        }
        expected.extend((from < bytes.len()).then_some(fields + 1));
        prop_assert_eq!(lengths, expected);
    }

    #[test]
    fn empty_fields(column in column("[ab]{0,2}")) {
        column.agree(|kernel, spans, _, suspects| kernel.mark_empty(spans, suspects))?;
        let spans = column.spans();
        let marked = column.marked(|spans, suspects| Kernel::scalar().mark_empty(spans, suspects));
        for row in 0..spans.rows {
            prop_assert_eq!(marked[row / 64] >> (row % 64) & 1 == 1, spans.field(row).is_empty());
        }
    }

    #[test]
    fn lengths(
        column in column("[\"a-d]{1,8}|[a-zé☃]{1,30}|[é-ü]{20,90}"),
        min in 0..20_u32,
        more in 0..40_u32,
        quote in select(vec![Some(b'"'), None]),
        ascii in any::<bool>(),
    ) {
        let lengths = Lengths { min, max: min + more, quote, ascii };
        column.agree(|kernel, spans, empty, suspects| {
            kernel.mark_length(spans, lengths, empty, suspects);
        })?;
    }

    #[test]
    fn templates(
        letters in 1..3_usize,
        digits in 1..30_usize,
        column in column(nearly("[A-F]{1,2}[0-9]{8,12}|[A-Fa-f]{1,2}[0-9]{1,30}")),
    ) {
        let letter = Position { range: b'A'..=b'B', other: Some(b'c'..=b'f'), other_ignores_case: true };
        let mut positions = vec![letter; letters];
        positions.extend(vec![Position::range(b'0'..=b'9'); digits]);
        let template = Template::new(&positions).expect("at most 31 positions");
        column.agree(|kernel, spans, empty, suspects| {
            kernel.mark_template(spans, &template, empty, suspects);
        })?;
    }

    #[test]
    fn decimals(
        column in column(number()),
        minimum in bound(),
        maximum in bound(),
        integer_only in any::<bool>(),
        point in select(&b".,"[..]),
    ) {
        let range = DecimalRange::new(minimum.as_ref(), maximum.as_ref(), integer_only)
            .with_decimal_char(point);
        column.agree(|kernel, spans, empty, suspects| {
            kernel.mark_decimal(spans, &range, empty, suspects);
        })?;
        // The definition, in turn, is held to exact arithmetic.
        let spans = column.spans();
        let marked =
            column.marked(|spans, suspects| Kernel::scalar().mark_decimal(spans, &range, Empty::Suspect, suspects));
        for row in (0..spans.rows).filter(|row| marked[row / 64] >> (row % 64) & 1 == 0) {
            let value = Decimal::parse_with_point(spans.field(row), point).expect("not marked");
            let is_above = |bound: &Bound| value > bound.value || value == bound.value && !bound.exclusive;
            let is_below = |bound: &Bound| value < bound.value || value == bound.value && !bound.exclusive;
            prop_assert!(minimum.as_ref().is_none_or(is_above) && maximum.as_ref().is_none_or(is_below));
            prop_assert!(!integer_only || value.is_integer());
        }
    }

    #[test]
    fn date_times(
        column in column(nearly(
            "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,10})?(Z|[+-][0-2][0-9]:?[0-6][0-9])?)?|[0-2][0-9]:[0-6][0-9]:[0-6][0-9](\\.[0-9]{1,10})?",
        )),
        shape in select(vec![DateTimeShape::Date, DateTimeShape::DateTime, DateTimeShape::Time]),
    ) {
        column.agree(|kernel, spans, empty, suspects| {
            kernel.mark_date_time(spans, shape, empty, suspects);
        })?;
    }

    #[test]
    fn sets(members in vec("[a-d]{1,2}|[A-Z]{1,8}", 1..64), column in column("[a-d]{1,2}|[A-Z]{1,9}")) {
        let members: Vec<&[u8]> = members.iter().map(|member| member.as_bytes()).collect();
        let set = ShortSet::new(&members).expect("fits");
        column.agree(|kernel, spans, empty, suspects| kernel.mark_set(spans, &set, empty, suspects))?;
        let spans = column.spans();
        let marked = column.marked(|spans, suspects| {
            Kernel::scalar().mark_set(spans, &set, Empty::Suspect, suspects);
        });
        for row in 0..spans.rows {
            let is_marked = marked[row / 64] >> (row % 64) & 1 == 1;
            prop_assert_eq!(is_marked, !members.contains(&spans.field(row)));
        }
    }

    #[test]
    fn doubles(column in column(number())) {
        let bits = |values: &[f64]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let spans = column.spans();
        let parse = |kernel: Kernel| {
            let (mut values, mut suspects) = (Vec::new(), vec![0; spans.rows.div_ceil(64)]);
            kernel.parse_f64s(&spans, &mut values, &mut suspects);
            (bits(&values), suspects)
        };
        let expected = parse(Kernel::scalar());
        for kernel in Kernel::available() {
            prop_assert_eq!(&parse(kernel), &expected, "{:?}", kernel);
            for row in 0..spans.rows {
                let field = spans.field(row);
                let value = kernel.parse_f64(field).unwrap_or(f64::NAN);
                prop_assert_eq!(value.to_bits(), expected.0[row], "{:?} {:?}", kernel, field);
                let integer = kernel.parse_i64(field);
                let oracle = std::str::from_utf8(field).ok().filter(|text| !text.starts_with('+'));
                prop_assert_eq!(integer, oracle.and_then(|text| text.parse().ok()), "{:?}", field);
                // `str::parse` also reads names and a plus sign.
                let is_number = field.iter().all(|byte| b"0123456789.eE+-".contains(byte)) && !field.starts_with(b"+");
                let oracle = std::str::from_utf8(field).ok().filter(|_| is_number)
                    .and_then(|text| text.parse::<f64>().ok()).filter(|value| value.is_finite());
                prop_assert_eq!(value.to_bits(), oracle.unwrap_or(f64::NAN).to_bits(), "{:?}", field);
                // What is a double is a decimal, and (within its limit of the exponent) the other way round.
                if oracle.is_some() {
                    prop_assert!(Decimal::parse(field).is_some(), "{:?}", field);
                }
            }
        }
    }

    #[test]
    fn plain_values(
        numbers in column(number()),
        moments in column(nearly(
            "[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9]:[0-5][0-9](\\.[0-9]{1,3})?(Z|[+-][0-2][0-9]:?[0-6][0-9])?)?|[0-2][0-9]:[0-6][0-9]:[0-6][0-9]",
        )),
        shape in select(vec![DateTimeShape::Date, DateTimeShape::DateTime, DateTimeShape::Time]),
    ) {
        let read = |kernel: Kernel| {
            let spans = numbers.spans();
            let words = spans.rows.div_ceil(64);
            let (mut doubles, mut marks) = (vec![1.0; spans.rows], [vec![0; words], vec![0; words]]);
            kernel.read_f64s(&spans, &mut doubles, &mut marks[0]);
            let mut integers = vec![1; spans.rows];
            kernel.read_i64s(&spans, &mut integers, &mut marks[1]);
            let spans = moments.spans();
            let (mut times, mut time_marks) = (vec![1; spans.rows], vec![0; spans.rows.div_ceil(64)]);
            kernel.read_moments(&spans, shape, &mut times, &mut time_marks);
            let doubles: Vec<u64> = doubles.into_iter().map(f64::to_bits).collect();
            (doubles, integers, times, marks, time_marks)
        };
        let expected = read(Kernel::scalar());
        for kernel in others() {
            prop_assert_eq!(&read(kernel), &expected, "{:?}", kernel);
        }
        let (doubles, integers, times, marks, time_marks) = expected;
        let is_marked = |marks: &[u64], row: usize| marks[row / 64] >> (row % 64) & 1 == 1;
        let spans = numbers.spans();
        for row in 0..spans.rows {
            let field = spans.field(row);
            let double = Kernel::scalar().parse_f64(field).map(f64::to_bits);
            let integer = Kernel::scalar().parse_i64(field);
            prop_assert_eq!(doubles[row], if is_marked(&marks[0], row) { 0 } else { double.expect("not marked") });
            prop_assert_eq!(integers[row], if is_marked(&marks[1], row) { 0 } else { integer.expect("not marked") });
        }
        let spans = moments.spans();
        for row in (0..spans.rows).filter(|&row| !is_marked(&time_marks, row)) {
            let moment = parse_date_time(spans.field(row), shape).expect("not marked");
            let micros = moment.seconds * 1_000_000;
            prop_assert_eq!(times[row], if shape == DateTimeShape::Date { micros / 86_400_000_000 } else { micros });
        }
    }

    #[test]
    fn class_runs(
        sets in vec(byte_set(), 1..9),
        sequences in vec(vec(any::<prop::sample::Index>(), 2..9), 1..4),
        bytes in vec(prop_oneof![4 => select(&b"_a0Z\n"[..]), 1 => any::<u8>()], 0..300),
        padding in 0..70_usize,
    ) {
        let sequences: Vec<Vec<_>> = sequences
            .iter()
            .map(|sequence| sequence.iter().map(|index| *index.get(&sets)).collect())
            .collect();
        let sequences: Vec<_> = sequences.iter().map(Vec::as_slice).collect();
        let run = ClassRun::new(&sequences).expect("at most eight classes");
        let bytes = [vec![b'x'; padding], bytes].concat();
        let starts = |kernel: Kernel| {
            let mut starts = Vec::new();
            while let Some(start) =
                kernel.find_class_run(&run, &bytes, starts.last().map_or(0, |last| last + 1))
            {
                starts.push(start);
            }
            starts
        };
        let expected = starts(Kernel::scalar());
        for kernel in others() {
            prop_assert_eq!(starts(kernel), &expected[..], "{:?} {:?}", kernel, run);
        }
    }

    #[test]
    fn fixed_points(column in column(number()), scale in 0..=18_u8, point in select(vec![b'.', b','])) {
        let spans = column.spans();
        let parse = |kernel: Kernel| {
            let (mut values, mut suspects) = (Vec::new(), vec![0; spans.rows.div_ceil(64)]);
            kernel.parse_fixed(&spans, point, scale, &mut values, &mut suspects);
            (values, suspects)
        };
        let expected = parse(Kernel::scalar());
        for kernel in others() {
            prop_assert_eq!(&parse(kernel), &expected, "{:?} {:?}", kernel, column);
        }
        for row in 0..spans.rows {
            if expected.1[row / 64] >> (row % 64) & 1 == 0 {
                let text = format!("{}e-{scale}", expected.0[row]);
                let number = Decimal::parse_with_point(spans.field(row), point);
                prop_assert_eq!(number, Decimal::parse(text.as_bytes()));
            }
        }
    }

    #[test]
    fn doubles_round_trip(value in any::<f64>().prop_filter("finite", |value| value.is_finite())) {
        for kernel in Kernel::available() {
            for text in [format!("{value}"), format!("{value:e}"), format!("{value:.3}")] {
                prop_assert_eq!(kernel.parse_f64(text.as_bytes()), text.parse().ok());
            }
        }
    }
}

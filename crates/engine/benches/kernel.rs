//! Every kernel on one block of transactions, for each instruction set of this CPU.
//!
//! `cargo bench -p tamis-engine --bench kernel`. Byte kernels report bytes per second, column
//! kernels rows per second; 64 KiB at a time, as in a check, so that all of it is in the cache.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::kernel::{
    Bound, DateTimeShape, DecimalRange, Empty, IndexState, Kernel, Lengths, Position, ShortSet,
    Spans, Structure, Template,
};
use tamis_engine::number::Decimal;

const BLOCK_BYTES: usize = 64 * 1024;
const COLUMNS: usize = 6;
const STRUCTURE: Structure = Structure {
    delimiter: b',',
    quote: Some(b'"'),
};
const COUNTRIES: [&str; 20] = [
    "AT", "BE", "BR", "CA", "CH", "CN", "DE", "DK", "ES", "FI", "FR", "GB", "IN", "IT", "JP", "NL",
    "NO", "PL", "SE", "US",
];

/// Records of about 66 bytes and six columns; one in ten ends in a quoted field.
fn transactions() -> Vec<u8> {
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
        text += if random.u32(0..10) == 0 {
            ",\"paid, in \"\"cash\"\"\"\n"
        } else {
            ",paid\n"
        };
    }
    text.into_bytes()
}

/// Runs one function for every kernel.
fn compare(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut run: impl FnMut(Kernel)) {
    for kernel in Kernel::available() {
        group.bench_function(format!("{name}/{}", kernel.name()), |bencher| {
            bencher.iter(|| run(kernel));
        });
    }
}

fn byte_kernels(criterion: &mut Criterion) {
    let bytes = &transactions()[..];
    let mut group = criterion.benchmark_group("bytes");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    compare(&mut group, "count_byte", |kernel| {
        black_box(kernel.count_byte(black_box(bytes), b'\n'));
    });
    compare(&mut group, "count_chars", |kernel| {
        black_box(kernel.count_chars(black_box(bytes)));
    });
    compare(&mut group, "is_ascii", |kernel| {
        black_box(kernel.is_ascii(black_box(bytes)));
    });
    compare(&mut group, "scan_quotes", |kernel| {
        black_box(kernel.scan_quotes(black_box(bytes), b',', b'"'));
    });
    let mut out = Vec::new();
    compare(&mut group, "index", |kernel| {
        out.clear();
        let mut state = IndexState::default();
        black_box(kernel.index(
            black_box(bytes),
            0,
            bytes.len(),
            &STRUCTURE,
            &mut state,
            &mut out,
        ));
    });
}

fn column_kernels(criterion: &mut Criterion) {
    let bytes = &transactions()[..];
    let mut index = vec![u32::MAX];
    let mut state = IndexState::default();
    let indexed = Kernel::detect().index(bytes, 0, bytes.len(), &STRUCTURE, &mut state, &mut index);
    let rows = indexed.terminators;
    let column = |first| Spans {
        bytes,
        index: &index,
        first,
        stride: COLUMNS,
        rows,
        trim_cr: false,
    };
    let suspects = &mut vec![0; rows.div_ceil(64)][..];

    let mut group = criterion.benchmark_group("columns");
    group.throughput(Throughput::Elements(rows as u64));
    compare(&mut group, "mark_empty", |kernel| {
        kernel.mark_empty(black_box(&column(0)), suspects)
    });

    let mut positions = vec![Position::byte(b'T'), Position::byte(b'X')];
    positions.extend(vec![Position::range(b'0'..=b'9'); 10]);
    let template = Template::new(&positions).expect("12 positions");
    compare(&mut group, "mark_template", |kernel| {
        kernel.mark_template(black_box(&column(0)), &template, Empty::Pass, suspects);
    });

    let bound = |text: &[u8]| {
        Decimal::parse(text).map(|value| Bound {
            value,
            exclusive: false,
        })
    };
    let range = DecimalRange::new(bound(b"0.01").as_ref(), bound(b"1000000").as_ref(), false);
    compare(&mut group, "mark_decimal", |kernel| {
        kernel.mark_decimal(black_box(&column(1)), &range, Empty::Pass, suspects);
    });
    let mut values = Vec::new();
    compare(&mut group, "parse_f64s", |kernel| {
        values.clear();
        kernel.parse_f64s(black_box(&column(1)), &mut values, suspects);
    });
    compare(&mut group, "parse_f64", |kernel| {
        for row in 0..rows {
            black_box(kernel.parse_f64(black_box(column(1).field(row))));
        }
    });
    compare(&mut group, "min_max_f64", |kernel| {
        black_box(kernel.min_max_f64(black_box(&values)));
    });

    compare(&mut group, "mark_date_time", |kernel| {
        let shape = DateTimeShape::DateTime;
        kernel.mark_date_time(black_box(&column(2)), shape, Empty::Pass, suspects);
    });

    let lengths = Lengths {
        min: 8,
        max: 20,
        quote: Some(b'"'),
        ascii: true,
    };
    compare(&mut group, "mark_length (ASCII)", |kernel| {
        kernel.mark_length(black_box(&column(3)), lengths, Empty::Pass, suspects);
    });
    let lengths = Lengths {
        ascii: false,
        ..lengths
    };
    compare(&mut group, "mark_length (UTF-8)", |kernel| {
        kernel.mark_length(black_box(&column(3)), lengths, Empty::Pass, suspects);
    });

    let set = ShortSet::new(&COUNTRIES.map(str::as_bytes)).expect("short names");
    compare(&mut group, "mark_set", |kernel| {
        kernel.mark_set(black_box(&column(4)), &set, Empty::Pass, suspects);
    });
}

fn configuration() -> Criterion {
    let seconds = std::time::Duration::from_secs(1);
    Criterion::default()
        .warm_up_time(seconds / 4)
        .measurement_time(seconds)
}

criterion_group!(
    name = kernels;
    config = configuration();
    targets = byte_kernels, column_kernels
);
criterion_main!(kernels);

//! Reading columns of a block of transactions and evaluating expressions over them, for each instruction set of this CPU.
//!
//! `cargo bench -p tamis-expr --bench evaluate`. Rows per second; one block, so that all of it is in the cache. `read` is what a
//! column costs, `evaluate` what an expression costs once its columns are read.

use std::hint::black_box;

use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main};
use tamis_engine::kernel::Kernel;
use tamis_expr::{Evaluator, Expression, Input, Schema};
use tamis_formats::csv::{Dialect, Parser};
use tamis_formats::vector::{Nulls, Reader, Type, Vector};
use tamis_formats::{Block, Malformed, Visitor};

const COLUMNS: [(&str, Type); 6] = [
    ("id", Type::Text),
    ("amount", Type::Number),
    ("at", Type::Timestamp),
    ("count", Type::Integer),
    ("country", Type::Text),
    ("note", Type::Text),
];

const EXPRESSIONS: [(&str, &str); 10] = [
    ("compare", "amount > 500.0"),
    ("compare integers", "count > 500"),
    ("arithmetic", "amount * 1.2 + count > 500"),
    ("equal text", "country == 'DE'"),
    (
        "in",
        "country in ['DE', 'AT', 'CH', 'FR', 'IT', 'ES', 'PL', 'NL', 'BE', 'SE']",
    ),
    ("prefix", "id.startsWith('TX00')"),
    ("contains", "note.contains('cash')"),
    ("matches", "note.matches('paid.*cash')"),
    ("timestamp", "at >= '2024-07-01'"),
    (
        "and",
        "amount > 500.0 && country == 'DE' && at >= '2024-07-01'",
    ),
];

/// Records of about 66 bytes; one in ten ends in a quoted field, one in a hundred has no amount.
fn transactions(rows: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(1);
    let countries = ["AT", "BE", "DE", "DK", "ES", "FI", "FR", "IT", "JP", "US"];
    let mut text = String::new();
    for _ in 0..rows {
        text += &format!("TX{:010},", random.u64(..10_000_000_000));
        if random.u32(..100) != 0 {
            let digits = random.u32(1..6);
            let whole = random.u64(..10_u64.pow(digits));
            text += &format!("{whole}.{:02}", random.u32(..100));
        }
        let (month, day) = (random.u32(1..13), random.u32(1..29));
        let (hour, minute, second) = (random.u32(..24), random.u32(..60), random.u32(..60));
        text += &format!(",2024-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z,");
        text += &format!("{},", random.u32(..100_000));
        text += countries[random.usize(..countries.len())];
        text += match random.u32(..10) {
            0 => ",\"paid, in \"\"cash\"\"\"\n",
            _ => ",paid by card\n",
        };
    }
    text.into_bytes()
}

struct Blocks<F>(F);

impl<F: FnMut(&Block<'_>)> Visitor for Blocks<F> {
    fn block(&mut self, block: &Block<'_>) {
        (self.0)(block);
    }

    fn malformed(&mut self, _: &Malformed<'_>) {}
}

fn reader(kernel: Kernel) -> Reader {
    Reader::new(Some(Dialect::csv()), b'.', Nulls::common(), kernel)
}

/// Runs one function for every kernel.
fn compare(group: &mut BenchmarkGroup<'_, WallTime>, name: &str, mut run: impl FnMut(Kernel)) {
    for kernel in Kernel::available() {
        group.bench_function(format!("{name}/{}", kernel.name()), |bencher| {
            bencher.iter(|| run(kernel));
        });
    }
}

fn columns(criterion: &mut Criterion) {
    let bytes = transactions(900);
    let mut parser = Parser::new(Dialect::csv(), COLUMNS.len(), Kernel::detect());
    let mut is_first = true;
    parser.parse(
        &bytes,
        true,
        &mut Blocks(|block: &Block<'_>| {
            if std::mem::take(&mut is_first) {
                block_of(criterion, block);
            }
        }),
    );
}

fn block_of(criterion: &mut Criterion, block: &Block<'_>) {
    let mut group = criterion.benchmark_group("read");
    group.throughput(Throughput::Elements(block.rows as u64));
    for (column, (name, ty)) in COLUMNS.into_iter().enumerate() {
        let mut vector = Vector::default();
        let mut readers: Vec<(Kernel, Reader)> = Kernel::available()
            .into_iter()
            .map(|kernel| (kernel, reader(kernel)))
            .collect();
        compare(&mut group, &format!("{name} ({ty})"), |kernel| {
            let known = readers.iter_mut().find(|(known, _)| *known == kernel);
            let (_, reader) = known.expect("one for each");
            reader
                .read(black_box(block), column, ty, &mut vector)
                .expect("it fits");
        });
    }
    group.finish();

    let schema = Schema::new(COLUMNS);
    let mut group = criterion.benchmark_group("evaluate");
    group.throughput(Throughput::Elements(block.rows as u64));
    for (name, text) in EXPRESSIONS {
        let expression = Expression::filter(text, &schema).expect("it compiles");
        let mut vectors = vec![Vector::default(); expression.columns().len()];
        for (&column, vector) in expression.columns().iter().zip(&mut vectors) {
            let read = reader(Kernel::detect()).read(block, column, COLUMNS[column].1, vector);
            read.expect("it fits");
        }
        let inputs: Vec<Input<'_>> = expression
            .columns()
            .iter()
            .zip(&vectors)
            .map(|(&column, vector)| Input {
                vector,
                bytes: block.column(column).bytes,
            })
            .collect();
        let mut evaluator = Evaluator::new(Kernel::detect());
        group.bench_function(name, |bencher| {
            bencher.iter(|| black_box(evaluator.select(&expression, &inputs, block.rows).count()));
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("compile");
    group.bench_function("and", |bencher| {
        let text = EXPRESSIONS[EXPRESSIONS.len() - 1].1;
        bencher.iter(|| Expression::filter(black_box(text), &schema).expect("it compiles"));
    });
}

fn configuration() -> Criterion {
    let seconds = std::time::Duration::from_secs(1);
    Criterion::default()
        .warm_up_time(seconds / 4)
        .measurement_time(seconds)
}

criterion_group!(name = expressions; config = configuration(); targets = columns);
criterion_main!(expressions);

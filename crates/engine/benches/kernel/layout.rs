//! The same rules over the same fields: record by record, column by column, and with vector instructions.
//!
//! What a block buys: record by record every field meets another loop, column by column one loop meets all fields of a
//! kind.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use tamis_engine::kernel::{DateTimeShape, Empty, Kernel, parse_date_time};

use crate::cases::{Block, Rules};

pub(crate) fn time(criterion: &mut Criterion, block: &Block) {
    let rules = Rules::new();
    let mut group = criterion.benchmark_group("layout");
    group.throughput(Throughput::Elements(block.rows as u64));
    group.bench_function("records", |bencher| {
        bencher.iter(|| by_record(block, &rules));
    });
    for kernel in Kernel::available() {
        let mut suspects = vec![0; block.rows.div_ceil(64)];
        group.bench_function(format!("columns {}", kernel.name()), |bencher| {
            bencher.iter(|| by_column(kernel, block, &rules, &mut suspects));
        });
    }
}

/// Rows that break a rule.
fn by_record(block: &Block, rules: &Rules) -> usize {
    let columns = [0, 1, 2, 4].map(|column| block.column(column));
    let [id, amount, moment, country] = black_box(&columns);
    let is_good = |row: &usize| {
        rules.template.matches(id.field(*row))
            && rules.range.contains(amount.field(*row))
            && parse_date_time(moment.field(*row), DateTimeShape::DateTime).is_some()
            && rules.set.contains(country.field(*row))
    };
    (0..block.rows).filter(|row| !is_good(row)).count()
}

fn by_column(kernel: Kernel, block: &Block, rules: &Rules, suspects: &mut [u64]) {
    let columns = [0, 1, 2, 4].map(|column| block.column(column));
    let [id, amount, moment, country] = black_box(&columns);
    suspects.fill(0);
    kernel.mark_template(id, &rules.template, Empty::Pass, suspects);
    kernel.mark_decimal(amount, &rules.range, Empty::Pass, suspects);
    kernel.mark_date_time(moment, DateTimeShape::DateTime, Empty::Pass, suspects);
    kernel.mark_set(country, &rules.set, Empty::Pass, suspects);
}

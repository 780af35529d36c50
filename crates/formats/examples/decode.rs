//! Decodes columns of a Parquet file with the `parquet` crate and does nothing with them: what a check is compared with.
//!
//! ```text
//! cargo run --release -p tamis-formats --features parquet --example decode -- FILE [COLUMN,COLUMN,...] [THREADS]
//! ```
//!
//! Each thread takes the next row group when it has decoded one; columns are those at the root, and all if none is named.
//! Texts become what the file's schema says. Prints one line: rows, seconds, rows per second.

use std::error::Error;
use std::fs::File;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Rows of a batch: what a check decodes at once.
const BATCH_ROWS: usize = 16 << 10;

fn main() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let usage = "usage: decode FILE [COLUMN,...] [THREADS]";
    let path = arguments.next().ok_or(usage)?;
    let columns = arguments.next().unwrap_or_default();
    let threads = arguments.next().map_or(Ok(2), |threads| threads.parse())?;

    let start = Instant::now();
    let file = File::open(&path)?;
    let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
    let names: Vec<&str> = columns.split(',').filter(|name| !name.is_empty()).collect();
    let mask = match names.is_empty() {
        true => ProjectionMask::all(),
        false => ProjectionMask::columns(metadata.parquet_schema(), names),
    };
    let next = AtomicUsize::new(0);
    let decode = || -> Result<usize> {
        let mut rows = 0;
        loop {
            let row_group = next.fetch_add(1, Ordering::Relaxed);
            if row_group >= metadata.metadata().num_row_groups() {
                return Ok(rows);
            }
            // Opened anew: clones of one file share a position.
            let file = File::open(&path)?;
            let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata.clone())
                .with_row_groups(vec![row_group])
                .with_projection(mask.clone())
                .with_batch_size(BATCH_ROWS)
                .build()?;
            for batch in reader {
                rows += batch?.num_rows();
            }
        }
    };
    let rows: usize = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(decode)).collect();
        let rows = workers
            .into_iter()
            .map(|worker| worker.join().expect("a decoder that does not panic"));
        rows.sum::<Result<usize>>()
    })?;
    let seconds = start.elapsed().as_secs_f64();
    let millions = rows as f64 / seconds / 1e6;
    #[expect(clippy::print_stdout, reason = "a program, not a library")]
    {
        println!("{rows} rows in {seconds:.3} s: {millions:.1} M rows/s on {threads} threads");
    }
    Ok(())
}

//! Output that is printed as it comes, some of it at a time.

use crate::Result;
use crate::printer::Printer;

/// What is kept back before it is printed.
const PAGE_BYTES: usize = 64 << 10;

/// Text on its way to standard output.
#[derive(Debug)]
pub(crate) struct Page<'p> {
    printer: &'p Printer,
    text: String,
}

impl<'p> Page<'p> {
    pub(crate) fn new(printer: &'p Printer) -> Self {
        Self {
            printer,
            text: String::new(),
        }
    }

    /// Adds what `write` writes, and prints if there is enough.
    pub(crate) fn add(&mut self, write: impl FnOnce(&mut String)) -> Result<()> {
        write(&mut self.text);
        if self.text.len() < PAGE_BYTES {
            return Ok(());
        }
        self.flush()
    }

    /// Prints what is left.
    pub(crate) fn flush(&mut self) -> Result<()> {
        self.printer.data(&std::mem::take(&mut self.text))
    }
}

//! The table of tables: a walk over its B-tree, left to right.
//!
//! A tree that is not one (a page that is its own child, two parents of one page) would be walked for ever, or for
//! longer than anybody waits. So no path is longer than [`DEPTH_MAX`], and no more pages are visited than there are.

use super::super::finding::{Inspection, Part};
use super::super::reader::{Cursor, Order, Parsed, Reader, damage};
use super::record::Row;
use super::{HEADER_BYTES, Header};

/// A tree of pages with two children each that is deeper has more pages than a file may have.
const DEPTH_MAX: usize = 32;

const INNER: u8 = 0x05;
const LEAF: u8 = 0x0d;

pub(super) fn read(reader: &Reader<'_>, header: &Header, found: &mut Inspection) -> Parsed<()> {
    let mut counts = Counts::default();
    let result = walk(reader, header, &mut counts, found);
    // What was found before some damage is told, too.
    counts.tell(found);
    result
}

fn walk(
    reader: &Reader<'_>,
    header: &Header,
    counts: &mut Counts,
    found: &mut Inspection,
) -> Parsed<()> {
    // Pages on the path to the current one, each with the cells that are still to be visited.
    let mut path = vec![Page::open(reader, header, 1, 0)?];
    found.part("page of the schema", 0, header.page_bytes);
    let mut visited = 1;
    while let Some(page) = path.last_mut() {
        let Some(step) = page.next(header)? else {
            path.pop();
            continue;
        };
        match step {
            Step::Child { page, said_at } => {
                visited += 1;
                if path.len() >= DEPTH_MAX || visited > header.pages {
                    return damage(said_at, "a tree of pages", "a page that leads to itself");
                }
                let page = Page::open(reader, header, page, said_at)?;
                found.part("page of the schema", page.all.at(), header.page_bytes);
                path.push(page);
            }
            Step::Cell(cell) => {
                let is_counted = !found.wants_entry();
                let row = Row::read(reader, header, cell, is_counted)?;
                counts.add(&row.kind);
                if is_counted {
                    found.entry(Part::new("", 0, 0));
                    continue;
                }
                let start = match row.root {
                    // A view or a trigger: it has no pages of its own.
                    0 => row.at,
                    root => header.place_of(root, row.at)?,
                };
                let bytes = if row.root == 0 {
                    row.bytes
                } else {
                    header.page_bytes
                };
                let part = Part::new(row.name, start, bytes).with("type", row.kind);
                found.entry(match row.root {
                    0 => part.with("table", row.table),
                    root => part.with("table", row.table).with("root page", root),
                });
            }
        }
    }
    Ok(())
}

/// What comes next on a page.
enum Step<'a> {
    Child {
        page: u32,
        said_at: u64,
    },
    /// A row, from its size to the end of the page.
    Cell(Cursor<'a>),
}

/// A page of the tree.
struct Page<'a> {
    /// All of it, from its first byte; pointers count from there.
    all: Cursor<'a>,
    is_leaf: bool,
    pointers: Cursor<'a>,
    /// The child right of all cells.
    last: Option<(u32, u64)>,
}

impl<'a> Page<'a> {
    fn open(reader: &'a Reader<'a>, header: &Header, page: u32, said_at: u64) -> Parsed<Page<'a>> {
        let start = header.place_of(page, said_at)?;
        let all = reader.range(start, header.usable_bytes, Order::Big, "a page")?;
        let mut fields = all;
        if page == 1 {
            fields.skip(HEADER_BYTES, "the header of the file")?;
        }
        let at = fields.at();
        let is_leaf = match fields.u8("the type of a page")? {
            LEAF => true,
            INNER => false,
            other => return damage(at, "a page of a table (5 or 13)", other.to_string()),
        };
        fields.skip(2, "the free blocks of a page")?;
        let cells = fields.u16("the number of cells")?;
        fields.skip(3, "the place of the cells")?;
        let last_at = fields.at();
        let last = match is_leaf {
            true => None,
            false => Some((fields.u32("the last child")?, last_at)),
        };
        let pointers = fields.take(2 * u64::from(cells), "the places of the cells")?;
        Ok(Page {
            all,
            is_leaf,
            pointers,
            last,
        })
    }

    fn next(&mut self, header: &Header) -> Parsed<Option<Step<'a>>> {
        if self.pointers.left() == 0 {
            let last = self.last.take();
            return Ok(last.map(|(page, said_at)| Step::Child { page, said_at }));
        }
        let pointer_at = self.pointers.at();
        let offset = u64::from(self.pointers.u16("the place of a cell")?);
        if offset >= header.usable_bytes {
            let expected = format!("a cell within {} bytes", header.usable_bytes);
            return damage(pointer_at, expected, format!("one at byte {offset}"));
        }
        let mut cell = self.all;
        cell.skip(offset, "a cell")?;
        if self.is_leaf {
            return Ok(Some(Step::Cell(cell)));
        }
        let said_at = cell.at();
        let page = cell.u32("a child")?;
        Ok(Some(Step::Child { page, said_at }))
    }
}

/// How many there are of each kind.
#[derive(Default)]
struct Counts {
    tables: u64,
    indexes: u64,
    views: u64,
    triggers: u64,
}

impl Counts {
    fn add(&mut self, kind: &str) {
        match kind {
            "table" => self.tables += 1,
            "index" => self.indexes += 1,
            "view" => self.views += 1,
            "trigger" => self.triggers += 1,
            _ => {}
        }
    }

    fn tell(&self, found: &mut Inspection) {
        found.fact("tables", self.tables);
        found.fact("indexes", self.indexes);
        if self.views > 0 {
            found.fact("views", self.views);
        }
        if self.triggers > 0 {
            found.fact("triggers", self.triggers);
        }
    }
}

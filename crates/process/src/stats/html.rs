//! Statistics as a page for browsers: one file that needs nothing else, light or dark as the reader's system is.
//!
//! First a table with a line for each column, then a card for each. Histograms are drawn as SVG in the page itself; there
//! are no scripts, and a policy in the head forbids the browser to fetch anything. All text from the data is
//! cut, freed of control characters and escaped on its way ([`Page::text`]).

mod card;
mod chart;

use std::fmt::{Arguments, Write as _};

use tamis_contract::report::text::{counted, tamed};
use tamis_engine::human;

use super::report::{ColumnStats, Scalar, Statistics};
use super::text::figure;

/// Characters of a name or a value.
const CHARS_MAX: usize = 120;

/// How the page looks. Colours have names, so that the dark ones replace the light ones in one place.
const STYLE: &str = include_str!("html/style.css");

/// The page.
pub fn page(statistics: &Statistics) -> String {
    let mut page = Page(String::new());
    let title = match statistics.inputs.as_slice() {
        [input] => tamed(&input.name, CHARS_MAX),
        inputs => counted(inputs.len() as u64, "input"),
    };
    page.add(format_args!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>"
    ));
    page.text(&title);
    page.add(format_args!(
        "</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n"
    ));
    page.header(&title, statistics);
    page.overview(&statistics.columns);
    for (number, column) in statistics.columns.iter().enumerate() {
        card::write(column, number, &mut page);
    }
    page.notes(&statistics.notes);
    page.add(format_args!("</main>\n</body>\n</html>\n"));
    page.0
}

/// Markup being written.
struct Page(String);

impl Page {
    fn add(&mut self, markup: Arguments<'_>) {
        self.0.write_fmt(markup).expect("a string takes everything");
    }

    /// Adds text that must not be taken for markup, in an element or in a quoted attribute.
    fn text(&mut self, text: &str) {
        for character in tamed(text, CHARS_MAX).chars() {
            match character {
                '&' => self.0.push_str("&amp;"),
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                other => self.0.push(other),
            }
        }
    }

    /// Adds an element that holds text and nothing else.
    fn element(&mut self, tag: &str, class: &str, text: &str) {
        match class {
            "" => self.add(format_args!("<{tag}>")),
            class => self.add(format_args!("<{tag} class=\"{class}\">")),
        }
        self.text(text);
        self.add(format_args!("</{tag}>"));
    }

    fn header(&mut self, title: &str, statistics: &Statistics) {
        self.add(format_args!("<header>"));
        self.element("h1", "", title);
        let rows = statistics.rows;
        let bytes: u64 = statistics.inputs.iter().map(|input| input.bytes).sum();
        self.add(format_args!("<p>"));
        let mut facts = vec![
            counted(rows.total, "row"),
            counted(statistics.columns.len() as u64, "column"),
        ];
        if bytes > 0 {
            facts.push(human::bytes(bytes));
        }
        self.text(&facts.join(" · "));
        if rows.malformed > 0 {
            let malformed = format!(" · {} malformed", human::count(rows.malformed));
            self.element("span", "bad", &malformed);
        }
        self.add(format_args!("</p></header>\n"));
    }

    /// A line for each column.
    fn overview(&mut self, columns: &[ColumnStats]) {
        self.add(format_args!(
            "<div class=\"scroll\"><table class=\"overview\"><thead><tr><th>column</th><th>type</th>\
             <th class=\"number\">nulls</th><th class=\"number\">distinct</th><th>smallest</th><th>largest</th>\
             <th class=\"number\">mean</th><th>spread</th></tr></thead><tbody>\n"
        ));
        for (number, column) in columns.iter().enumerate() {
            self.add(format_args!("<tr><td><a href=\"#c{number}\">"));
            self.text(&column.name);
            self.add(format_args!("</a></td>"));
            self.element("td", "type", column.logical_type);
            self.element("td", "number", &nulls(column));
            self.element("td", "number", &distinct(column).unwrap_or_default());
            for end in [&column.min, &column.max] {
                let text = end.as_ref().map_or(String::new(), value);
                self.element("td", "value", &tamed(&text, 28));
            }
            let mean = column.mean.map_or(String::new(), figure);
            self.element("td", "number", &mean);
            self.add(format_args!("<td>"));
            chart::spark(column, self);
            self.add(format_args!("</td></tr>\n"));
        }
        self.add(format_args!("</tbody></table></div>\n"));
    }

    fn notes(&mut self, notes: &[String]) {
        if notes.is_empty() {
            return;
        }
        self.add(format_args!(
            "<section class=\"notes\"><h2>notes</h2><ul>\n"
        ));
        for note in notes {
            self.element("li", "", note);
            self.add(format_args!("\n"));
        }
        self.add(format_args!("</ul></section>\n"));
    }
}

fn nulls(column: &ColumnStats) -> String {
    match column.nulls.count {
        0 => "0".to_owned(),
        _ => percent(column.nulls.percent),
    }
}

/// `12.3 %`, with as many digits as say something.
fn percent(percent: f64) -> String {
    match percent {
        p if p >= 99.995 || p == 0.0 => format!("{p:.0} %"),
        p if p >= 10.0 => format!("{p:.1} %"),
        p if p >= 0.01 => format!("{p:.2} %"),
        _ => "< 0.01 %".to_owned(),
    }
}

fn distinct(column: &ColumnStats) -> Option<String> {
    let distinct = column.distinct?;
    let about = if distinct.exact { "" } else { "≈ " };
    Some(format!("{about}{}", human::count(distinct.count)))
}

/// A value short enough to be read.
fn value(value: &Scalar) -> String {
    match value {
        Scalar::Number(text) if text.len() > 20 => {
            text.parse().map_or_else(|_| text.clone(), figure)
        }
        Scalar::Number(text) | Scalar::Text(text) => text.clone(),
    }
}

#[cfg(test)]
mod tests {
    use tamis_engine::source::MemorySource;

    use super::super::{StatsOptions, stats};
    use super::*;

    fn page_of(text: &str) -> String {
        let source = MemorySource::new("<b>'hostile'&\".csv", text.as_bytes().to_vec());
        let options = StatsOptions {
            threads: 1,
            ..StatsOptions::default()
        };
        page(&stats(&[&source], &options).expect("it can be read"))
    }

    /// Goal: nothing from the data is markup, whichever place it comes to.
    #[test]
    fn data_is_escaped() {
        let page = page_of(
            "<script>alert(1)</script>,\"a\"\"b'\"\n</style><img src=x>,\u{1b}[31m'\"\"\"&lt;\n</title><svg onload=x>,x\n",
        );
        for forbidden in [
            "<script",
            "<img",
            "<svg onload",
            "\u{1b}",
            "<b>",
            "</style><",
            "&lt;b>",
        ] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert_eq!(
            page.matches("<title>").count(),
            page.matches("</title>").count()
        );
        assert_eq!(page.matches("</style>").count(), 1);
    }

    /// Goal: the page needs nothing from elsewhere, and every element that is opened is closed.
    #[test]
    fn the_page_stands_alone() {
        let page = page_of("n,day,text\n1,2024-01-01,a\n5,2024-02-01,b\n9,2024-03-01,b\n");
        for forbidden in ["http:", "https:", "src=", "url(", "@import", "<script"] {
            assert!(!page.contains(forbidden), "{forbidden}");
        }
        for tag in [
            "table", "tr", "td", "section", "svg", "div", "dl", "p", "a", "main", "body", "html",
        ] {
            let opened = page.matches(&format!("<{tag} ")).count()
                + page.matches(&format!("<{tag}>")).count();
            assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
        }
    }

    #[test]
    fn an_empty_table_has_a_page() {
        assert!(page_of("").contains("0 rows · 0 columns"));
        assert!(page_of("a\n").contains("0 rows · 1 column"));
    }
}

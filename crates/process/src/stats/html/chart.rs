//! Histograms as SVG.

use tamis_engine::human;

use super::super::report::{ColumnStats, Histogram};
use super::{Page, value};

/// Size of a histogram, in units of its own; the page decides how large these are.
const WIDTH: f64 = 480.0;
const HEIGHT: f64 = 120.0;

/// A bin with values in it is at least so high, however few they are.
const BAR_HEIGHT_MIN: f64 = 1.5;

/// The histogram of a column, each bar with its numbers for whoever points at it.
pub(super) fn histogram(histogram: &Histogram, page: &mut Page) {
    let counts: Vec<u64> = histogram.bins.iter().map(|bin| bin.count).collect();
    page.add(format_args!(
        "<svg class=\"histogram\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\">\n"
    ));
    bars(&counts, WIDTH, HEIGHT, page, |at, page| {
        let bin = &histogram.bins[at];
        let label = format!(
            "{} to {}: {}",
            value(&bin.from),
            value(&bin.to),
            human::count(bin.count)
        );
        page.element("title", "", &label);
    });
    page.add(format_args!("</svg>\n<div class=\"axis\">"));
    let ends = histogram.bins.first().zip(histogram.bins.last());
    if let Some((first, last)) = ends {
        page.element("span", "", &value(&first.from));
        page.element("span", "", &value(&last.to));
    }
    page.add(format_args!("</div>\n"));
}

/// A histogram in a line of a table; for texts, the counts of the most frequent values.
pub(super) fn spark(column: &ColumnStats, page: &mut Page) {
    let (width, height) = (96.0, 20.0);
    let (class, counts): (_, Vec<u64>) = match (&column.histogram, &column.top) {
        (Some(histogram), _) => (
            "spark",
            histogram.bins.iter().map(|bin| bin.count).collect(),
        ),
        (None, Some(top)) => (
            "spark texts",
            top.values.iter().map(|value| value.count).collect(),
        ),
        (None, None) => return,
    };
    if counts.is_empty() {
        return;
    }
    page.add(format_args!(
        "<svg class=\"{class}\" viewBox=\"0 0 {width} {height}\" aria-hidden=\"true\">"
    ));
    bars(&counts, width, height, page, |_, _| {});
    page.add(format_args!("</svg>"));
}

/// Bars side by side, the highest as high as the picture.
fn bars(
    counts: &[u64],
    width: f64,
    height: f64,
    page: &mut Page,
    inside: impl Fn(usize, &mut Page),
) {
    let most = counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let step = width / counts.len().max(1) as f64;
    // A hair between bars; a lone bar is no wider than others would be.
    let bar = (step * 0.9).min(width / 6.0);
    for (at, &count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let tall = (height * count as f64 / most).max(BAR_HEIGHT_MIN);
        let (x, y) = (at as f64 * step, height - tall);
        page.add(format_args!(
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{bar:.1}\" height=\"{tall:.1}\">"
        ));
        inside(at, page);
        page.add(format_args!("</rect>"));
    }
}

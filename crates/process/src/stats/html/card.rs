//! What is said of one column: facts, a histogram, quantiles, the most frequent values and shapes as bars.

use tamis_engine::human;

use super::super::report::{Basis, ColumnStats, Frequencies};
use super::super::text::figure;
use super::{Page, chart, distinct, nulls, percent, value};

/// Writes the card of a column, the one of that number.
pub(super) fn write(column: &ColumnStats, number: usize, page: &mut Page) {
    page.add(format_args!(
        "<section class=\"card\" id=\"c{number}\"><h2>"
    ));
    page.text(&column.name);
    page.add(format_args!(" "));
    page.element("span", "type", column.logical_type);
    page.add(format_args!("</h2>\n<div class=\"columns\"><div>\n"));
    facts(column, page);
    page.add(format_args!("</div><div>\n"));
    if let Some(histogram) = &column.histogram {
        chart::histogram(histogram, page);
        basis(histogram.basis, page);
    }
    quantiles(column, page);
    if let Some(top) = &column.top {
        bars("most frequent", top, page);
    }
    if let Some(shapes) = &column.shapes {
        bars("shapes", shapes, page);
    }
    page.add(format_args!("</div></div></section>\n"));
}

fn facts(column: &ColumnStats, page: &mut Page) {
    let mut facts = vec![
        ("values", human::count(column.values)),
        (
            "nulls",
            match column.nulls.count {
                0 => "none".to_owned(),
                count => format!("{} ({})", human::count(count), nulls(column)),
            },
        ),
    ];
    if column.not_finite > 0 {
        facts.push(("NaN, infinite", human::count(column.not_finite)));
    }
    facts.extend(distinct(column).map(|text| match column.distinct {
        Some(distinct) => match distinct.standard_error {
            Some(error) => ("distinct", format!("{text} (± {:.1} %)", 100.0 * error)),
            None => ("distinct", text),
        },
        None => ("distinct", text),
    }));
    facts.extend(column.min.as_ref().map(|min| ("smallest", value(min))));
    facts.extend(column.max.as_ref().map(|max| ("largest", value(max))));
    facts.extend(column.sum.as_ref().map(|sum| ("sum", value(sum))));
    facts.extend(column.mean.map(|mean| ("mean", figure(mean))));
    let deviation = column.standard_deviation;
    facts.extend(deviation.map(|deviation| ("deviation", figure(deviation))));
    if let (Some(min), Some(max)) = (column.min_length, column.max_length) {
        facts.push((
            "length",
            match min == max {
                true => human::count(min),
                false => format!("{} to {}", human::count(min), human::count(max)),
            },
        ));
    }
    page.add(format_args!("<dl>"));
    for (name, text) in facts {
        page.element("dt", "", name);
        page.element("dd", "", &text);
    }
    page.add(format_args!("</dl>\n"));
}

fn quantiles(column: &ColumnStats, page: &mut Page) {
    let Some(quantiles) = &column.quantiles else {
        return;
    };
    page.add(format_args!(
        "<div class=\"scroll\"><table class=\"quantiles\"><tr>"
    ));
    for quantile in &quantiles.values {
        let name = match quantile.quantile {
            0.5 => "median".to_owned(),
            quantile => format!("{:.0} %", 100.0 * quantile),
        };
        page.element("th", "", &name);
    }
    page.add(format_args!("</tr><tr>"));
    for quantile in &quantiles.values {
        page.element("td", "", &value(&quantile.value));
    }
    page.add(format_args!("</tr></table></div>\n"));
}

/// Texts with bars as long as they are frequent.
fn bars(title: &str, frequencies: &Frequencies, page: &mut Page) {
    let Some(most) = frequencies.values.first() else {
        return;
    };
    page.element("h3", "", title);
    page.add(format_args!("<div class=\"bars\">\n"));
    for frequency in &frequencies.values {
        let width = 100.0 * frequency.count as f64 / most.count.max(1) as f64;
        page.element(
            "span",
            "value",
            match frequency.value.as_str() {
                "" => "(empty)",
                value => value,
            },
        );
        page.add(format_args!(
            "<span class=\"bar\"><span style=\"width:{width:.1}%\"></span></span>"
        ));
        let about = if frequencies.basis.exact { "" } else { "≈ " };
        let share = percent(frequency.percent);
        let count = human::count(frequency.count);
        page.element("span", "number", &format!("{about}{count} · {share}"));
        page.add(format_args!("\n"));
    }
    page.add(format_args!("</div>\n"));
    basis(frequencies.basis, page);
}

/// What figures rest on, where they are not exact.
fn basis(basis: Basis, page: &mut Page) {
    let text = match (basis.relative_error, basis.sample) {
        (Some(error), _) => format!("within {:.1} % of each value", 100.0 * error),
        (None, Some(sample)) => format!("from a sample of {} values", human::count(sample)),
        (None, None) => return,
    };
    page.element("p", "basis", &text);
    page.add(format_args!("\n"));
}

//! What was measured: figures by section, case and contender.

use super::super::table::median;

/// The samples of one figure.
type Samples = (&'static str, Vec<f64>);

/// One contender in one case.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) section: &'static str,
    pub(super) case: String,
    pub(super) who: &'static str,
    figures: Vec<Samples>,
    /// Why there is nothing, or not all.
    pub(super) failure: Option<String>,
}

/// Everything, in the order in which it was first measured.
#[derive(Debug, Default)]
pub(super) struct Results(Vec<Entry>);

/// One run: figures and their values.
pub(super) type Figures = Vec<(&'static str, f64)>;

impl Results {
    /// Adds what a run gave, or why it gave nothing.
    pub(super) fn note(
        &mut self,
        section: &'static str,
        case: &str,
        who: &'static str,
        run: Result<Figures, String>,
    ) {
        let entry = self.entry(section, case, who);
        match run {
            Ok(figures) => {
                for (name, value) in figures {
                    eprintln!("    {who:24} {name:20} {value:.3}");
                    entry.push(name, value);
                }
            }
            Err(reason) => {
                eprintln!("    {who:24} FAILED: {reason}");
                entry.failure = Some(reason);
            }
        }
    }

    /// The median of a figure, if there is one.
    pub(super) fn median(&self, section: &str, case: &str, who: &str, figure: &str) -> Option<f64> {
        let is_it = |it: &&Entry| (it.section, it.case.as_str(), it.who) == (section, case, who);
        self.0.iter().find(is_it)?.median(figure)
    }

    /// All of a section.
    pub(super) fn section<'a>(&'a self, section: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |it| it.section == section)
    }

    fn entry(&mut self, section: &'static str, case: &str, who: &'static str) -> &mut Entry {
        let is_it = |it: &Entry| (it.section, it.case.as_str(), it.who) == (section, case, who);
        let at = self.0.iter().position(is_it).unwrap_or_else(|| {
            self.0.push(Entry {
                section,
                case: case.to_owned(),
                who,
                figures: Vec::new(),
                failure: None,
            });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}

impl Entry {
    /// Names of what was measured.
    pub(super) fn figures(&self) -> impl Iterator<Item = &'static str> {
        self.figures.iter().map(|(name, _)| *name)
    }

    pub(super) fn median(&self, figure: &str) -> Option<f64> {
        let (_, values) = self.figures.iter().find(|(name, _)| *name == figure)?;
        Some(median(values.clone()))
    }

    fn push(&mut self, figure: &'static str, value: f64) {
        match self.figures.iter_mut().find(|(name, _)| *name == figure) {
            Some((_, values)) => values.push(value),
            None => self.figures.push((figure, vec![value])),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_a_contender_come_together() {
        let mut results = Results::default();
        for rate in [3.0, 1.0, 2.0] {
            results.note("section", "case", "Tamis", Ok(vec![("msg/s", rate)]));
        }
        results.note("section", "case", "Kafka", Err("no".to_owned()));
        let median = |who| results.median("section", "case", who, "msg/s");
        assert_eq!((median("Tamis"), median("Kafka")), (Some(2.0), None));
        assert_eq!(results.section("section").count(), 2);
    }
}

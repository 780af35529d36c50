//! The colours of what is printed for people. Whoever prints strips them where they are not wanted.

use std::fmt;

use anstyle::{AnsiColor, Style};
use tamis_contract::report::text::{Paint, Role};

/// Colours by ANSI escape codes, in the sixteen colours that every theme defines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Coloured;

impl Paint for Coloured {
    fn paint(&self, role: Role, text: &str, out: &mut dyn fmt::Write) -> fmt::Result {
        let style = style(role);
        write!(out, "{style}{text}{style:#}")
    }
}

fn style(role: Role) -> Style {
    match role {
        Role::Plain => Style::new(),
        Role::Good => AnsiColor::Green.on_default().bold(),
        Role::Bad => AnsiColor::Red.on_default().bold(),
        Role::Warning => AnsiColor::Yellow.on_default().bold(),
        Role::Heading => Style::new().bold(),
        Role::Value => AnsiColor::Cyan.on_default(),
        Role::Faint => Style::new().dimmed(),
    }
}

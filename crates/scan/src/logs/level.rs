//! How grave a record is.

/// The levels that loggers know, from the least to the gravest; those of syslog are among them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Level {
    /// `trace`, `verbose`, `finest`.
    Trace,
    /// `debug`, `fine`.
    Debug,
    /// `info`, `information`.
    Info,
    /// `notice`.
    Notice,
    /// `warn`, `warning`.
    Warn,
    /// `error`, `err`, `severe`.
    Error,
    /// `critical`, `fatal`, `panic`, `alert`, `emerg`.
    Critical,
}

impl Level {
    /// All of them, in their order.
    pub const ALL: [Level; 7] = [
        Level::Trace,
        Level::Debug,
        Level::Info,
        Level::Notice,
        Level::Warn,
        Level::Error,
        Level::Critical,
    ];

    /// Its name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Level::Trace => "trace",
            Level::Debug => "debug",
            Level::Info => "info",
            Level::Notice => "notice",
            Level::Warn => "warn",
            Level::Error => "error",
            Level::Critical => "critical",
        }
    }

    /// Whether it tells of a failure.
    #[inline(always)]
    pub fn is_error(self) -> bool {
        self >= Level::Error
    }

    /// The level that a logger means by `text`, in whatever case; numbers are those of bunyan and pino.
    pub fn of_text(text: &[u8]) -> Option<Level> {
        let mut buffer = [0; 12];
        let lower = buffer.get_mut(..text.len())?;
        lower.copy_from_slice(text);
        lower.make_ascii_lowercase();
        Some(match &*lower {
            b"trace" | b"trc" | b"verbose" | b"finest" | b"finer" | b"10" | b"t" => Level::Trace,
            b"debug" | b"dbg" | b"debu" | b"fine" | b"20" | b"d" => Level::Debug,
            b"info" | b"inf" | b"information" | b"informational" | b"default" | b"30" | b"i" => {
                Level::Info
            }
            b"notice" | b"note" | b"config" => Level::Notice,
            b"warn" | b"warning" | b"wrn" | b"40" | b"w" => Level::Warn,
            b"error" | b"err" | b"severe" | b"erro" | b"50" | b"e" => Level::Error,
            b"critical" | b"crit" | b"fatal" | b"ftl" | b"panic" | b"dpanic" | b"alert"
            | b"emerg" | b"emergency" | b"60" | b"f" | b"c" => Level::Critical,
            _ => return None,
        })
    }

    /// The level of a syslog severity, 0 to 7 (RFC 5424 section 6.2.1).
    pub fn of_severity(severity: u8) -> Level {
        match severity {
            0..=2 => Level::Critical,
            3 => Level::Error,
            4 => Level::Warn,
            5 => Level::Notice,
            6 => Level::Info,
            _ => Level::Debug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_known_by_all_their_names() {
        for (text, level) in [
            ("INFO", Some(Level::Info)),
            ("Warning", Some(Level::Warn)),
            ("err", Some(Level::Error)),
            ("50", Some(Level::Error)),
            ("FATAL", Some(Level::Critical)),
            ("informational-ish", None),
            ("", None),
        ] {
            assert_eq!(Level::of_text(text.as_bytes()), level, "{text}");
        }
        assert!(Level::ALL.is_sorted());
        assert!(Level::of_severity(3).is_error() && !Level::of_severity(4).is_error());
    }
}

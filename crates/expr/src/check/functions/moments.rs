//! Parts of dates and times.

use super::super::{Checker, Part};
use super::Arguments;
use crate::ExprError;
use crate::program::{Conversion, Op, Part as Of};
use crate::temporal;
use crate::ty::Ty;

impl Checker<'_> {
    /// `x.getHours()`, of timestamps and dates, times of day, and as a whole number of hours of durations.
    pub(super) fn part_of_moment(&mut self, mut call: Arguments<'_>) -> Result<Part, ExprError> {
        let zone = (call.parts.len() == 2).then(|| call.parts.remove(1));
        let [value] = call.take()?;
        let part = match call.call.name.as_str() {
            "getFullYear" => Of::Year,
            "getMonth" => Of::Month,
            "getDate" => Of::Date,
            "getDayOfMonth" => Of::DayOfMonth,
            "getDayOfYear" => Of::DayOfYear,
            "getDayOfWeek" => Of::DayOfWeek,
            "getHours" => Of::Hour,
            "getMinutes" => Of::Minute,
            "getSeconds" => Of::Second,
            _ => Of::Millisecond,
        };
        let unit = match part {
            Of::Hour => Some(temporal::HOUR),
            Of::Minute => Some(temporal::MINUTE),
            Of::Second => Some(temporal::SECOND),
            Of::Millisecond => Some(temporal::MILLISECOND),
            _ => None,
        };
        if let Some(zone) = zone
            .as_ref()
            .filter(|_| !value.ty.is_moment() && value.ty != Ty::Null)
        {
            return Err(ExprError::new(
                zone.span.clone(),
                format!("{} has no time zone", value.ty),
            ));
        }
        let offset = match &zone {
            None => 0,
            Some(zone) => self.offset(zone)?,
        };
        match (value.ty, unit) {
            (Ty::Duration, Some(unit)) => {
                let op = Op::Convert(Conversion::Divide(unit));
                self.emit(op, &[&value], Ty::Integer, call.span)
            }
            (Ty::Time, Some(_)) | (Ty::Date | Ty::Timestamp | Ty::Null, _) => {
                let value = self.timestamp(value)?;
                self.emit(Op::Part(part, offset), &[&value], Ty::Integer, call.span)
            }
            _ => Err(call.wrong_type(&value)),
        }
    }

    /// Microseconds east of UTC.
    fn offset(&self, zone: &Part) -> Result<i64, ExprError> {
        let offset = self.text_of(zone).and_then(temporal::parse_offset);
        offset.ok_or_else(|| {
            ExprError::new(zone.span.clone(), "a time zone is a fixed offset in quotes")
                .with_help("`'UTC'`, `'+01:00'`, `'-05:30'`; names of places are not known")
        })
    }
}

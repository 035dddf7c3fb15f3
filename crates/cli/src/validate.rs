//! `tidegate validate`.

use std::io::{self, Write};

use serde_json::json;

use crate::args::{self, Format};
use crate::input::{self, BadInput};
use crate::{Failure, Outcome};

pub(crate) fn validate(args: &args::Validate) -> Result<Outcome, Failure> {
    let read = input::checks(&args.policy);
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        let report = match &read {
            Ok((_, notices)) => {
                let notices: Vec<String> = notices.iter().map(ToString::to_string).collect();
                json!({ "valid": true, "notices": notices })
            }
            Err(BadInput::Policy(fault)) => {
                let error = fault.error();
                let span = error.span().unwrap_or_default();
                let (line, column) = error.line_column().unwrap_or_default();
                json!({ "valid": false, "file": fault.file(), "message": error.message(),
                    "help": error.help(), "line": line, "column": column,
                    "start": span.start, "end": span.end })
            }
            Err(error) => json!({ "valid": false, "message": error.to_string() }),
        };
        writeln!(out, "{report}")?;
    }
    let (checks, notices) = read?;
    let policy = checks.policy();
    if args.format == Format::Text {
        for notice in &notices {
            writeln!(out, "note: {notice}")?;
        }
        let checks = match policy.halt.len() + policy.text.len() {
            1 => "1 check".to_string(),
            n => format!("{n} checks"),
        };
        writeln!(out, "{}: valid, {checks}", args.policy.display())?;
    }
    Ok(Outcome::Clean)
}

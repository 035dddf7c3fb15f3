//! `tidegate replay`.

use std::io::{self, BufRead, BufReader, Read, Write};

use serde::Serialize;
use tidegate::{Halted, Replay};

use crate::args::{self, Format};
use crate::input::{self, BadInput};
use crate::{Failure, Outcome};

/// A line of a trace is read no further than this; its longest, the head,
/// holds a policy.
const LINE_BYTES_MAX: u64 = 4 << 20;

#[derive(Serialize)]
struct Report<'a> {
    same: bool,
    lines: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    difference: Option<&'a str>,
    halts: &'a [Halted],
}

pub(crate) fn replay(args: &args::Replay) -> Result<Outcome, Failure> {
    let bad = |what: String| BadInput::file(&args.trace, what);
    let mut reader = BufReader::new(input::open(&args.trace)?);
    let mut replay = Replay::new();
    let mut lines = 0;
    let mut line = Vec::new();
    let ended = loop {
        line.clear();
        let limited = (&mut reader).take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        if limited.map_err(|error| bad(error.to_string()))? == 0 {
            break replay.finish();
        }
        lines += 1;
        if line.len() as u64 == LINE_BYTES_MAX {
            return Err(bad(format!("line {lines}: over {LINE_BYTES_MAX} bytes")).into());
        }
        let text = std::str::from_utf8(&line)
            .map_err(|error| bad(format!("line {lines}: not UTF-8: {error}")))?;
        if let Err(error) = replay.line(text) {
            break Err(error);
        }
    };
    let (halts, difference) = match ended {
        Ok(halts) => (halts, None),
        Err(error) if error.is_difference() => (Vec::new(), Some(error.to_string())),
        Err(error) => return Err(bad(error.to_string()).into()),
    };
    let same = difference.is_none();
    let mut out = io::stdout().lock();
    if args.format == Format::Json {
        let report = Report { same, lines, difference: difference.as_deref(), halts: &halts };
        serde_json::to_writer(&mut out, &report).map_err(io::Error::from)?;
        writeln!(out)?;
    } else {
        match &difference {
            Some(difference) => writeln!(out, "{}: {difference}", args.trace.display())?,
            None => writeln!(out, "the same verdicts again, from {lines} lines")?,
        }
        for halt in &halts {
            writeln!(out, "{halt}")?;
        }
    }
    // a replayed halt is what the trace says: only a difference is a finding
    Ok(if same { Outcome::Clean } else { Outcome::Halted })
}

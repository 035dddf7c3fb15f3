//! `tidegate rules`.

use std::io::{self, Write};

use serde_json::json;
use tidegate::document::nearest;
use tidegate_text::library::{self, LIBRARY, LibraryRule};
use tidegate_text::{AUTOMATON_BYTES_MAX, Hold, Rule, Rules};

use crate::args::{self, Format};
use crate::input::BadInput;
use crate::{Failure, Outcome};

pub(crate) fn rules(args: &args::Rules) -> Result<Outcome, Failure> {
    if let Some(unknown) = args.names.iter().find(|name| library::find(name).is_none()) {
        let help = nearest(unknown, library::names());
        let help = help.map(|name| format!(": did you mean `{name}`?")).unwrap_or_default();
        return Err(BadInput::Usage(format!("there is no rule `{unknown}`{help}")).into());
    }
    let is_wanted = |rule: &&LibraryRule| {
        args.names.is_empty()
            || args.names.iter().any(|name| name == rule.name || name == rule.group)
    };
    let mut out = io::stdout().lock();
    for rule in LIBRARY.iter().filter(is_wanted) {
        let holds_bytes = holds_bytes(rule);
        let LibraryRule { name, group, about, regex, checksum, .. } = rule;
        match args.format {
            Format::Json => {
                let checksum = checksum.map(|checksum| checksum.as_str());
                let line = json!({
                    "name": name, "group": group, "about": about, "regex": regex,
                    "checksum": checksum, "hold_bytes_max": holds_bytes,
                });
                writeln!(out, "{line}")?;
            }
            Format::Text => {
                let holds = holds_bytes.map_or_else(|| "-".to_string(), |bytes| bytes.to_string());
                writeln!(out, "{group:<8} {name:<24} {holds:>4}  {about}")?;
            }
        }
    }
    if args.format == Format::Text {
        writeln!(out, "\nThe number is how many bytes the rule holds back at most.")?;
    }
    Ok(Outcome::Clean)
}

/// How many bytes the rule holds back at most.
fn holds_bytes(rule: &LibraryRule) -> Option<usize> {
    let rule = Rule { checksum: rule.checksum, ..Rule::regex(rule.regex) };
    let rules = Rules::new(&[rule], AUTOMATON_BYTES_MAX).ok()?;
    match rules.holds().first()? {
        Hold::Bytes(bytes) => Some(*bytes),
        Hold::Unbounded => None,
    }
}

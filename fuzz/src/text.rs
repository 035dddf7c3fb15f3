//! Text rules: any expressions, any text, any cuts.

#[path = "../../crates/text/tests/oracle/mod.rs"]
mod oracle;

use std::sync::Arc;

use tidegate_text::{Action, Checksum, Rule, Rules, View};

use oracle::{Cuts, Oracle, Run, check_cuts, check_runs};

const CUTS: Cuts = Cuts { two_way_most: 8, random: 12 };

/// Lines up to an empty one are rules: the first byte says what one does, the
/// rest is its expression. What follows is the text.
pub fn rules(data: &[u8]) {
    let Ok(input) = std::str::from_utf8(data) else { return };
    let (rules, text) = input.split_once("\n\n").unwrap_or((input, ""));
    let rules: Vec<Rule> = rules.lines().take(4).filter_map(rule).collect();
    let Ok(compiled) = Rules::new(&rules, 1 << 16) else { return };
    let compiled = Arc::new(compiled);
    check_cuts(&compiled, &Oracle::new(&rules), text, CUTS);

    let whole = Run::new(&compiled, View::Json, std::iter::once(text));
    check_runs(&compiled, View::Json, text, CUTS, &|run, cut| {
        assert_eq!((&run.shown, run.halted), (&whole.shown, whole.halted), "{cut}");
    });
    let is_json = |text: &str| serde_json::from_str::<serde_json::Value>(text).is_ok();
    let is_document = text.trim_start().starts_with(['{', '[', '"']);
    if is_document && is_json(text) && whole.halted.is_none() {
        assert!(is_json(&whole.shown), "{text} became {}", whole.shown);
    }
}

fn rule(line: &str) -> Option<Rule> {
    let mut expression = line.chars();
    let number = u32::from(expression.next()?);
    let action = match number % 4 {
        0 => Action::Halt,
        1 => Action::Flag,
        2 => Action::Mask(String::new()),
        _ => Action::Mask("<\"\\\n>".to_string()),
    };
    let checksum = match number / 4 % 8 {
        0 => Some(Checksum::Luhn),
        1 => Some(Checksum::Mod97),
        _ => None,
    };
    Some(Rule { action, checksum, ..Rule::regex(expression.as_str()) })
}

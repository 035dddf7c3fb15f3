//! What rules do to a whole text, by the plain `regex` crate and in the words of
//! the definition: scan left to right, without overlaps, earlier rules win ties.

use regex::Regex;
use tidegate_text::{Action, Pattern, Rule};

pub(crate) struct Oracle {
    rules: Vec<(Regex, Rule)>,
}

/// What becomes of a whole text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Whole {
    pub(crate) text: String,
    /// The rule and the span of each match that masks, and of the one that
    /// halts, in order.
    pub(crate) rejected: Vec<(usize, usize, usize)>,
    pub(crate) halted: Option<(usize, usize)>,
    /// The rule and the span of each match that flags.
    pub(crate) flagged: Vec<(usize, usize, usize)>,
}

impl Oracle {
    pub(crate) fn new(rules: &[Rule]) -> Oracle {
        let regex = |rule: &Rule| match &rule.pattern {
            Pattern::Regex(expression) => Regex::new(expression).unwrap(),
            Pattern::Literals { literals, ignore_case } => {
                let mut literals: Vec<String> =
                    literals.iter().map(|text| regex::escape(text)).collect();
                literals.sort_by_key(|text| std::cmp::Reverse(text.len()));
                let case = if *ignore_case { "(?i)" } else { "" };
                Regex::new(&format!("{case}(?:{})", literals.join("|"))).unwrap()
            }
        };
        Oracle { rules: rules.iter().map(|rule| (regex(rule), rule.clone())).collect() }
    }

    pub(crate) fn whole(&self, text: &str) -> Whole {
        let mut whole = Whole::default();
        let mut at = 0;
        let decides = |action: &Action| *action != Action::Flag;
        while let Some((number, start, end)) = self.first(text, at, decides) {
            whole.rejected.push((number, start, end));
            whole.text.push_str(&text[at..start]);
            match &self.rules[number].1.action {
                Action::Mask(with) => whole.text.push_str(with),
                Action::Halt => {
                    whole.halted = Some((number, start));
                    break;
                }
                Action::Flag => unreachable!("these do not decide"),
            }
            at = end;
        }
        if whole.halted.is_none() {
            whole.text.push_str(&text[at..]);
        }
        let mut at = 0;
        let flags = |action: &Action| *action == Action::Flag;
        while let Some((number, start, end)) = self.first(text, at, flags) {
            whole.flagged.push((number, start, end));
            at = end;
        }
        whole
    }

    /// The first match from a place on, of rules with such an action.
    fn first(
        &self,
        text: &str,
        from: usize,
        of: impl Fn(&Action) -> bool,
    ) -> Option<(usize, usize, usize)> {
        let starts = (from..text.len()).filter(|at| text.is_char_boundary(*at));
        starts.into_iter().find_map(|start| {
            let mut rules = self.rules.iter().enumerate();
            rules.find_map(|(number, (regex, rule))| {
                let found = regex.find_at(text, start).filter(|_| of(&rule.action))?;
                let holds = rule.checksum.is_none_or(|checksum| checksum.holds(found.as_str()));
                (found.start() == start && holds).then_some((number, start, found.end()))
            })
        })
    }
}

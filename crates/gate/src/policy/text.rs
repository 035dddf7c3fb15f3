//! Text rules in a policy.

use std::ops::Range;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tidegate_kernel::Channel;
use tidegate_text::library::{self, LibraryRule};
use tidegate_text::{Action, Checksum, Pattern, Rule, RuleError};

use super::{ChannelKind, Fault, Limits, Mode};
use crate::document::nearest;

/// A check that keeps text from being shown, or notes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    { "required": ["regex"] }, { "required": ["literals"] }, { "required": ["use"] }
]))]
pub struct TextCheck {
    /// The name by which verdicts call the check; no two checks share one.
    #[serde(default = "default_name")]
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[A-Za-z0-9_.-]+$"))]
    pub name: String,
    /// Whether the check runs, and whether it decides.
    #[serde(default)]
    pub mode: Mode,
    /// The channels it watches; the default is all.
    #[serde(default = "default_channels")]
    #[schemars(length(min = 1))]
    pub channels: Vec<ChannelKind>,
    /// A regular expression, in the syntax of Rust's `regex` crate. One of
    /// `regex`, `literals` and `use` must be given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regex: Option<String>,
    /// Texts to look for, the longest at a place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub literals: Option<Vec<String>>,
    /// Whether `literals` match capitals and small letters alike.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ignore_case: bool,
    /// Rules that ship with the program: `secrets`, `pii`, or single ones by
    /// their names.
    #[serde(default, rename = "use", skip_serializing_if = "Option::is_none")]
    pub library: Option<Vec<String>>,
    /// What must hold of the text that `regex` matches besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checksum: Option<ChecksumKind>,
    /// What a match does.
    #[serde(default)]
    pub action: TextAction,
    /// What stands for a match that is masked. Default `[redacted]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replacement: Option<String>,
    /// Bytes that each rule of the check may hold back while it is open whether,
    /// or how far, it matches; at most, and by default, the policy's limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 16, max = 1_073_741_824))]
    pub hold_bytes_max: Option<u32>,
    /// What happens when a rule would hold back more.
    #[serde(default)]
    pub on_overflow: OnOverflow,
}

impl Default for TextCheck {
    /// A check that looks for nothing: it needs one of `regex`, `literals` and
    /// `library`.
    fn default() -> Self {
        TextCheck {
            name: default_name(),
            mode: Mode::default(),
            channels: default_channels(),
            regex: None,
            literals: None,
            ignore_case: false,
            library: None,
            checksum: None,
            action: TextAction::default(),
            replacement: None,
            hold_bytes_max: None,
            on_overflow: OnOverflow::default(),
        }
    }
}

/// What a match does.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum TextAction {
    /// Halts: the text ends before the match.
    #[default]
    Halt,
    /// Shows `replacement` in the place of the match.
    Mask,
    /// Is recorded and changes nothing.
    Flag,
}

impl TextAction {
    /// The name used in policies.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            TextAction::Halt => "halt",
            TextAction::Mask => "mask",
            TextAction::Flag => "flag",
        }
    }
}

/// What must hold of a match besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ChecksumKind {
    /// The check digit of card numbers: ISO/IEC 7812-1.
    Luhn,
    /// The check digits of bank accounts: ISO 13616, ISO 7064 mod 97-10.
    Mod97,
}

/// What happens when a text rule would hold back too much.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnOverflow {
    /// It halts: the text ends before what is held.
    #[default]
    Halt,
    /// What is held leaves, and the rule begins anew behind it.
    Release,
}

/// What stands for a match if the policy does not say.
pub(crate) const REPLACEMENT: &str = "[redacted]";

fn default_name() -> String {
    "text".to_string()
}

fn default_channels() -> Vec<ChannelKind> {
    vec![ChannelKind::Content, ChannelKind::Reasoning, ChannelKind::Refusal, ChannelKind::Tool]
}

/// One rule of a check, as the scanner takes it.
#[derive(Clone, Debug)]
pub(crate) struct CheckRule {
    /// Its name in the library, if it is from there.
    pub(crate) name: Option<&'static str>,
    pub(crate) rule: Rule,
}

impl TextCheck {
    /// Whether the check watches this channel.
    #[must_use]
    pub fn watches(&self, channel: Channel) -> bool {
        self.channels.iter().any(|kind| kind.contains(channel))
    }

    /// The check's rules, in order. What the policy's faults would be is left
    /// out.
    pub(crate) fn rules(&self, limits: &Limits) -> Vec<CheckRule> {
        let rule = |pattern, checksum| Rule {
            pattern,
            checksum,
            action: match self.action {
                TextAction::Halt => Action::Halt,
                TextAction::Mask => {
                    let replacement = self.replacement.as_deref().unwrap_or(REPLACEMENT);
                    Action::Mask(replacement.to_string())
                }
                TextAction::Flag => Action::Flag,
            },
            hold_bytes_max: self.hold_bytes_max.unwrap_or(limits.hold_bytes_max),
            on_overflow: match self.on_overflow {
                OnOverflow::Halt => tidegate_text::OnOverflow::Halt,
                OnOverflow::Release => tidegate_text::OnOverflow::Release,
            },
        };
        let mut rules = Vec::new();
        if let Some(expression) = &self.regex {
            let checksum = self.checksum.map(|checksum| match checksum {
                ChecksumKind::Luhn => Checksum::Luhn,
                ChecksumKind::Mod97 => Checksum::Mod97,
            });
            let rule = rule(Pattern::Regex(expression.clone()), checksum);
            rules.push(CheckRule { name: None, rule });
        }
        if let Some(literals) = &self.literals {
            let pattern =
                Pattern::Literals { literals: literals.clone(), ignore_case: self.ignore_case };
            rules.push(CheckRule { name: None, rule: rule(pattern, None) });
        }
        for LibraryRule { name, regex, checksum, .. } in self.library_rules() {
            let rule = rule(Pattern::Regex((*regex).to_string()), *checksum);
            rules.push(CheckRule { name: Some(name), rule });
        }
        rules
    }

    /// The rules of the library that are used, in its order, each once.
    fn library_rules(&self) -> impl Iterator<Item = &'static LibraryRule> {
        let names = self.library.as_deref().unwrap_or_default();
        let is_used =
            |rule: &LibraryRule| names.iter().any(|name| name == rule.name || name == rule.group);
        library::LIBRARY.iter().filter(move |rule| is_used(rule))
    }

    /// What is wrong with the check itself; its name is looked at elsewhere.
    pub(super) fn find_fault(&self, number: &str, limits: &Limits) -> Result<(), Fault> {
        let name = &self.name;
        let fault = |field, message| Fault::new(["text", number, field], message);
        if self.channels.is_empty() {
            let message = format!("the check `{name}` watches no channel");
            return Err(fault("channels", message).help("to switch it off, say `mode = \"off\"`"));
        }
        let given = [
            self.regex.is_some().then_some("regex"),
            self.literals.is_some().then_some("literals"),
            self.library.is_some().then_some("use"),
        ];
        let given: Vec<&str> = given.into_iter().flatten().collect();
        match given.as_slice() {
            [_] => {}
            [] => {
                let message = format!("the check `{name}` looks for nothing");
                let help = "give `regex`, `literals` or `use`";
                return Err(Fault::new(["text", number], message).help(help));
            }
            [first, second, ..] => {
                let message = format!("the check `{name}` has both `{first}` and `{second}`");
                return Err(fault(second, message).help("give each a check of its own"));
            }
        }
        if self.ignore_case && self.literals.is_none() {
            let message = "`ignore_case` is for `literals`".to_string();
            return Err(fault("ignore_case", message).help("in a `regex`, write `(?i)`"));
        }
        if self.checksum.is_some() && self.regex.is_none() {
            return Err(fault("checksum", "`checksum` is for `regex`".to_string()));
        }
        if self.replacement.is_some() && self.action != TextAction::Mask {
            let message = "`replacement` is for `action = \"mask\"`".to_string();
            return Err(fault("replacement", message));
        }
        if let Some(bytes) = self.hold_bytes_max
            && !(16..=limits.hold_bytes_max).contains(&bytes)
        {
            let message = format!(
                "`hold_bytes_max` is `{bytes}`: expected a whole number from 16 to the policy's limit, {}",
                limits.hold_bytes_max
            );
            return Err(fault("hold_bytes_max", message));
        }
        for (at, used) in self.library.iter().flatten().enumerate() {
            if library::names().all(|known| known != used) {
                let message = format!("there is no rule `{}`", super::shorten(used));
                let help = nearest(used, library::names());
                let help = help.map(|name| format!("did you mean `{name}`?"));
                let fault = Fault::new(["text", number, "use", &at.to_string()], message);
                return Err(Fault { help, ..fault });
            }
        }
        if self.library.as_ref().is_some_and(Vec::is_empty) {
            return Err(fault("use", format!("the check `{name}` uses no rule")));
        }
        Ok(())
    }

    /// A fault of a rule, at its place in the check.
    pub(crate) fn fault_of_rule(
        &self,
        number: &str,
        name: Option<&str>,
        error: &RuleError,
    ) -> Fault {
        let field = if self.regex.is_some() { "regex" } else { "literals" };
        let field = if self.library.is_some() { "use" } else { field };
        let part = match (&self.regex, error.span()) {
            (Some(regex), Some(span)) => part_of(regex, &span),
            _ => String::new(),
        };
        let rule = name.map(|name| format!("rule `{name}`: ")).unwrap_or_default();
        let fault = Fault::new(["text", number, field], format!("{rule}{error}{part}"));
        Fault { help: error.help().map(str::to_string), ..fault }
    }
}

/// `` (`.*`, bytes 3 to 5) ``
pub(crate) fn part_of(expression: &str, span: &Range<usize>) -> String {
    match expression.get(span.clone()) {
        Some(part) if !part.is_empty() => {
            format!(" (`{}`, bytes {} to {})", super::shorten(part), span.start, span.end)
        }
        _ => format!(" (byte {})", span.start),
    }
}

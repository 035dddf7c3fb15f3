//! JSON, on the `jsonc-parser` crate, which knows spans, with `serde_json` to
//! refuse what the former lets pass.

use jsonc_parser::ast::{ObjectPropName, Value};
use jsonc_parser::common::Ranged;
use jsonc_parser::errors::ParseError;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::de::IgnoredAny;

use super::DocumentError;
use super::node::{
    Budget, Key, Kind, Node, Source, check_depth, check_keys, check_nesting, decimal,
    number_out_of_range, shorten,
};

const STRICT: ParseOptions = ParseOptions {
    allow_comments: false,
    allow_loose_object_property_names: false,
    allow_trailing_commas: false,
    allow_missing_commas: false,
    allow_single_quoted_strings: false,
    allow_hexadecimal_numbers: false,
    allow_unary_plus_numbers: false,
    allow_bare_decimal_point_numbers: false,
    allow_non_finite_numbers: false,
    allow_extended_string_escapes: false,
};

pub(super) fn parse(source: &Source<'_>) -> Result<Node, DocumentError> {
    check_nesting(source)?;
    let parsed = parse_to_ast(source.text(), &CollectOptions::default(), &STRICT)
        .map_err(|error| syntax(source, &error))?;
    let Some(value) = parsed.value else {
        let end = source.text().len();
        return Err(DocumentError::new("the document is empty", source.char_at(end), None));
    };
    check_strict(source)?;
    Reader { source, budget: Budget::default() }.value(value, 0)
}

fn syntax(source: &Source<'_>, error: &ParseError) -> DocumentError {
    let at = error.range().start..error.range().end;
    let span = source.span(at.clone());
    let message = error.kind().to_string();
    // one of them goes on with a second sentence
    let mut message = message.split(". ").next().unwrap_or_default().to_owned();
    if let Some(first) = message.get_mut(..1) {
        first.make_ascii_lowercase();
    }
    if message.starts_with("unexpected") {
        let found = source.text().get(at).unwrap_or_default();
        message = format!("{message} `{}`", shorten(found));
    }
    DocumentError::new(message, span, None)
}

/// Control characters in strings and white space of other alphabets.
fn check_strict(source: &Source<'_>) -> Result<(), DocumentError> {
    let Err(error) = serde_json::from_str::<IgnoredAny>(source.text()) else {
        return Ok(());
    };
    let lines = source.text().split_inclusive('\n').take(error.line().saturating_sub(1));
    let line_start: usize = lines.map(str::len).sum();
    let message = error.to_string();
    let message = message.split_once(" at line ").map_or(message.as_str(), |(message, _)| message);
    // columns count bytes from 1, but for this error from 0
    let first = usize::from(!message.starts_with("control character"));
    let span = source.char_at(line_start + error.column().saturating_sub(first));
    Err(DocumentError::new(message, span, None))
}

struct Reader<'t> {
    source: &'t Source<'t>,
    budget: Budget,
}

impl Reader<'_> {
    /// `depth` lists and maps are open around this value.
    fn value(&mut self, value: Value<'_>, depth: usize) -> Result<Node, DocumentError> {
        let span = self.source.span(value.start()..value.end());
        self.budget.node(&span)?;
        let kind = match value {
            Value::StringLit(string) => Kind::Str(string.value.into_owned()),
            Value::NumberLit(number) => decimal(number.value)
                .ok_or_else(|| number_out_of_range(number.value, span.clone()))?,
            Value::BooleanLit(boolean) => Kind::Bool(boolean.value),
            Value::NullKeyword(_) => Kind::Null,
            Value::Array(array) => {
                check_depth(depth + 1, &span)?;
                let items = array.elements.into_iter().map(|item| self.value(item, depth + 1));
                Kind::Seq(items.collect::<Result<_, _>>()?)
            }
            Value::Object(object) => {
                check_depth(depth + 1, &span)?;
                let mut entries = Vec::with_capacity(object.properties.len());
                for property in object.properties {
                    let span = self.source.span(property.name.start()..property.name.end());
                    let name = match property.name {
                        ObjectPropName::String(string) => string.value.into_owned(),
                        ObjectPropName::Word(word) => word.value.to_owned(),
                    };
                    entries.push((Key { name, span }, self.value(property.value, depth + 1)?));
                }
                check_keys(&entries)?;
                Kind::Map(entries)
            }
        };
        Ok(Node { span, kind })
    }
}

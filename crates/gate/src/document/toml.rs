//! TOML, on the `toml` crate.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::DocumentError;
use super::node::{
    Budget, Key, Kind, Node, Source, check_depth, check_nesting, duplicate_key, integer,
    number_out_of_range, shorten,
};

pub(super) fn parse(source: &Source<'_>) -> Result<Node, DocumentError> {
    check_nesting(source)?;
    let table = DeTable::parse(source.text()).map_err(|error| syntax(source, &error))?;
    let mut reader = Reader { source, budget: Budget::default() };
    let span = source.whole();
    reader.budget.node(&span)?;
    let kind = reader.table(table.into_inner(), 1)?;
    Ok(Node { span, kind })
}

fn syntax(source: &Source<'_>, error: &toml::de::Error) -> DocumentError {
    let end = source.text().len();
    let at = error.span().unwrap_or(end..end);
    let span = source.span(at.clone());
    if error.message() == "duplicate key" {
        let name = source.text().get(at).unwrap_or_default();
        return duplicate_key(name.trim_matches(['"', '\'']), span);
    }
    DocumentError::new(error.message(), span, None)
}

struct Reader<'t> {
    source: &'t Source<'t>,
    budget: Budget,
}

impl Reader<'_> {
    /// `depth` lists and maps are open, this one included.
    fn table(&mut self, table: DeTable<'_>, depth: usize) -> Result<Kind, DocumentError> {
        let mut entries = Vec::with_capacity(table.len());
        for (key, value) in table {
            let span = self.source.span(key.span());
            let key = Key { name: key.into_inner().into_owned(), span };
            entries.push((key, self.value(value, depth)?));
        }
        // the crate sorts by name
        entries.sort_by_key(|(key, _)| key.span.start);
        Ok(Kind::Map(entries))
    }

    fn value(&mut self, value: Spanned<DeValue<'_>>, depth: usize) -> Result<Node, DocumentError> {
        let span = self.source.span(value.span());
        self.budget.node(&span)?;
        let kind = match value.into_inner() {
            DeValue::String(text) => Kind::Str(text.into_owned()),
            DeValue::Integer(number) => integer(number.as_str(), number.radix())
                .ok_or_else(|| number_out_of_range(&number.to_string(), span.clone()))?,
            DeValue::Float(number) => float(number.as_str(), &span)?,
            DeValue::Boolean(value) => Kind::Bool(value),
            DeValue::Datetime(value) => {
                return Err(DocumentError::new(
                    format!("`{}` is a date or time", shorten(&value.to_string())),
                    span,
                    Some("write it in quotes, as a string".to_owned()),
                ));
            }
            DeValue::Array(items) => {
                check_depth(depth + 1, &span)?;
                let items = items.into_iter().map(|item| self.value(item, depth + 1));
                Kind::Seq(items.collect::<Result<_, _>>()?)
            }
            DeValue::Table(table) => {
                check_depth(depth + 1, &span)?;
                self.table(table, depth + 1)?
            }
        };
        Ok(Node { span, kind })
    }
}

fn float(text: &str, span: &Range<usize>) -> Result<Kind, DocumentError> {
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() || text.ends_with("inf") || text.ends_with("nan") => {
            Ok(Kind::Float(value))
        }
        _ => Err(number_out_of_range(text, span.clone())),
    }
}

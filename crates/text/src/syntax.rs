//! What an expression consists of: read, refused, taken apart.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use regex_syntax::ast::{self, Ast, RepetitionKind, RepetitionRange};
use regex_syntax::hir::{Hir, Look, LookSet, translate::Translator};

use crate::rule::{Kind, Pattern};

/// What the automaton is made of.
///
/// # Errors
/// When there is no such thing, or none that has a meaning on streams.
pub(crate) fn read(pattern: &Pattern) -> Result<Hir, Kind> {
    let hir = match pattern {
        Pattern::Regex(expression) => translate(expression, &parse(expression)?)?,
        Pattern::Literals { literals, ignore_case } => read_literals(literals, *ignore_case)?,
    };
    if let Some(name) = unicode_boundary(hir.properties().look_set()) {
        return Err(Kind::UnicodeBoundary(name));
    }
    match hir.properties().minimum_len() {
        None => Err(Kind::NeverMatches),
        Some(0) => Err(Kind::MatchesEmpty),
        Some(_) => Ok(hir),
    }
}

fn parse(expression: &str) -> Result<Ast, Kind> {
    ast::parse::Parser::new().parse(expression).map_err(|error| syntax(error.kind(), error.span()))
}

fn translate(expression: &str, ast: &Ast) -> Result<Hir, Kind> {
    let hir = Translator::new().translate(expression, ast);
    hir.map_err(|error| syntax(error.kind(), error.span()))
}

fn syntax(why: &impl ToString, span: &ast::Span) -> Kind {
    Kind::Syntax { why: why.to_string(), span: Some(span.start.offset..span.end.offset) }
}

fn read_literals(literals: &[String], ignore_case: bool) -> Result<Hir, Kind> {
    if literals.is_empty() {
        return Err(Kind::NoLiterals);
    }
    if let Some(number) = literals.iter().position(String::is_empty) {
        return Err(Kind::EmptyLiteral(number));
    }
    // the longest first: at one place, what stands first is preferred. In
    // characters: case folds one to one, and a capital may take more bytes
    let mut literals: Vec<&str> = literals.iter().map(String::as_str).collect();
    literals.sort_by_cached_key(|text| (core::cmp::Reverse(text.chars().count()), *text));
    literals.dedup();
    if ignore_case {
        let escaped: Vec<String> = literals.iter().map(|text| regex_syntax::escape(text)).collect();
        let expression = format!("(?i:{})", escaped.join("|"));
        return translate(&expression, &parse(&expression)?);
    }
    let literal = |text: &str| Hir::literal(text.as_bytes().to_vec().into_boxed_slice());
    Ok(Hir::alternation(literals.into_iter().map(literal).collect()))
}

/// An automaton sees one byte behind a match, and such a boundary wants a
/// whole character.
fn unicode_boundary(looks: LookSet) -> Option<&'static str> {
    looks.iter().find_map(|look| match look {
        Look::WordUnicode => Some(r"\b"),
        Look::WordUnicodeNegate => Some(r"\B"),
        Look::WordStartUnicode => Some(r"\b{start}"),
        Look::WordEndUnicode => Some(r"\b{end}"),
        Look::WordStartHalfUnicode => Some(r"\b{start-half}"),
        Look::WordEndHalfUnicode => Some(r"\b{end-half}"),
        _ => None,
    })
}

/// The first repetition without bound that alone is enough for `is_unbounded`,
/// every other one cut short.
pub(crate) fn unbounded_part(
    expression: &str,
    mut is_unbounded: impl FnMut(&Hir) -> bool,
) -> Option<Range<usize>> {
    let ast = parse(expression).ok()?;
    let mut parts = Vec::new();
    each_unbounded(&mut ast.clone(), &mut |repetition| {
        parts.push(repetition.span.start.offset..repetition.span.end.offset);
    });
    // the innermost come first, and say most
    parts.into_iter().find(|part| {
        let mut bounded = ast.clone();
        each_unbounded(&mut bounded, &mut |repetition| {
            if (repetition.span.start.offset..repetition.span.end.offset) != *part {
                bound(&mut repetition.op.kind);
            }
        });
        translate(expression, &bounded).is_ok_and(|hir| is_unbounded(&hir))
    })
}

fn bound(kind: &mut RepetitionKind) {
    let min = match kind {
        RepetitionKind::OneOrMore => 1,
        RepetitionKind::Range(RepetitionRange::AtLeast(min)) => *min,
        _ => 0,
    };
    *kind = RepetitionKind::Range(RepetitionRange::Bounded(min, min.saturating_add(1)));
}

fn is_unbounded(kind: &RepetitionKind) -> bool {
    use RepetitionKind::{OneOrMore, Range, ZeroOrMore};
    matches!(kind, ZeroOrMore | OneOrMore | Range(RepetitionRange::AtLeast(_)))
}

fn each_unbounded(ast: &mut Ast, on: &mut impl FnMut(&mut ast::Repetition)) {
    // the parser bounds how deep expressions nest
    match ast {
        Ast::Repetition(repetition) => {
            each_unbounded(&mut repetition.ast, on);
            if is_unbounded(&repetition.op.kind) {
                on(repetition);
            }
        }
        Ast::Group(group) => each_unbounded(&mut group.ast, on),
        Ast::Alternation(alternation) => {
            alternation.asts.iter_mut().for_each(|ast| each_unbounded(ast, &mut *on));
        }
        Ast::Concat(concat) => {
            concat.asts.iter_mut().for_each(|ast| each_unbounded(ast, &mut *on));
        }
        _ => {}
    }
}

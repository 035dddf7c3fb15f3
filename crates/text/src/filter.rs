//! A stream of text through rules.

use alloc::string::String;
use alloc::sync::Arc;

use crate::edit::{Edit, Editor, View};
use crate::rules::Rules;
use crate::scan::KEPT_CAPACITY;

/// Puts a text, as it comes, through rules: text in, text out.
///
/// What comes out in all depends on the text and never on how it was cut, and
/// comes out as soon as no continuation of the text can change it.
///
/// ```
/// use std::sync::Arc;
/// use tidegate_text::{Action, AUTOMATON_BYTES_MAX, Filter, Rule, Rules, View};
///
/// let rule = Rule {
///     action: Action::Mask("[key]".to_string()),
///     ..Rule::regex("sk-[a-z0-9]{8,}")
/// };
/// let rules = Arc::new(Rules::new(&[rule], AUTOMATON_BYTES_MAX)?);
/// let mut filter = Filter::new(rules, View::Plain);
/// let mut shown = Vec::new();
/// for delta in ["My task is: s", "k-12", "3456", "78xyz", "!"] {
///     shown.push(filter.push(delta, &mut |_| ()).to_string());
/// }
/// // `sk ` is no key and `s` may be one; eight characters are one for sure
/// assert_eq!(shown, ["My task is: ", "", "", "[key]", "!"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Filter {
    editor: Editor,
    /// What is open.
    kept: String,
    /// Where it begins.
    base: u64,
    out: String,
}

impl Filter {
    /// A filter at the beginning of a text.
    #[must_use]
    pub fn new(rules: Arc<Rules>, view: View) -> Filter {
        let editor = Editor::new(rules, view);
        Filter { editor, kept: String::new(), base: 0, out: String::new() }
    }

    /// Takes the next piece of the text. What may leave now; `on_edit` is told
    /// what became of the text.
    pub fn push(&mut self, text: &str, on_edit: &mut impl FnMut(&Edit)) -> &str {
        self.out.clear();
        if self.editor.is_over() {
            return &self.out;
        }
        if self.kept.is_empty() {
            let mut source = Source { text, base: self.base, at: 0 };
            self.editor.push(text, &mut |edit| source.follow(&edit, &mut self.out, on_edit));
            self.kept.push_str(text.get(source.at..).unwrap_or_default());
            self.base += source.at as u64;
        } else {
            self.kept.push_str(text);
            let mut source = Source { text: &self.kept, base: self.base, at: 0 };
            self.editor.push(text, &mut |edit| source.follow(&edit, &mut self.out, on_edit));
            let at = source.at;
            self.kept.drain(..at);
            if self.kept.capacity() > KEPT_CAPACITY && self.kept.len() < KEPT_CAPACITY {
                self.kept.shrink_to(KEPT_CAPACITY);
            }
            self.base += at as u64;
        }
        if self.editor.is_over() {
            self.kept = String::new();
        }
        &self.out
    }

    /// The text has ended. The rest of what may leave.
    pub fn finish(&mut self, on_edit: &mut impl FnMut(&Edit)) -> &str {
        self.out.clear();
        let mut source = Source { text: &self.kept, base: self.base, at: 0 };
        self.editor.finish(&mut |edit| source.follow(&edit, &mut self.out, on_edit));
        self.base += self.kept.len() as u64;
        self.kept.clear();
        &self.out
    }

    /// How much of the text is held, in bytes.
    #[must_use]
    pub fn held_bytes(&self) -> usize {
        self.kept.len()
    }

    /// Bytes of memory it takes beside the text that is held.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Filter>() - size_of::<Editor>() + self.editor.memory_bytes()
    }
}

/// Text that edits are about.
struct Source<'a> {
    text: &'a str,
    base: u64,
    at: usize,
}

impl Source<'_> {
    fn follow(&mut self, edit: &Edit, out: &mut String, on_edit: &mut impl FnMut(&Edit)) {
        let end = |to: u64| usize::try_from(to - self.base).unwrap_or(usize::MAX);
        match edit {
            Edit::Keep { to } => {
                let end = end(*to);
                out.push_str(self.text.get(self.at..end).unwrap_or_default());
                self.at = end;
            }
            Edit::Replace { to, with } => {
                out.push_str(with);
                self.at = end(*to);
            }
            Edit::Match { .. } | Edit::Overflow { .. } | Edit::Halt { .. } => {}
        }
        on_edit(edit);
    }
}

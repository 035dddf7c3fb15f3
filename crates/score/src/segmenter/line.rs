//! What kind of line a character stands in, as Markdown has it.

/// A fence has at least so many backticks or tildes.
const FENCE_MIN: u32 = 3;

/// Indented by so many columns more than the text around it, it is no fence.
const INDENT_END: u32 = 4;

/// The number of a list item has at most so many digits.
const NUMBER_MAX: u32 = 9;

/// Follows the lines of a text, character by character.
#[derive(Clone, Debug)]
pub(super) struct Lines {
    state: State,
    /// The column, as far as indentation and marks of list items go.
    column: u32,
    /// Where the text of the list item begins whose lines these may be.
    item: u32,
    /// The line begins with `>`.
    is_quoted: bool,
    /// The fence that is open.
    fence: Option<Fence>,
}

#[derive(Clone, Copy, Debug)]
struct Fence {
    mark: char,
    count: u32,
    /// Indented up to here it is no closing fence.
    column_end: u32,
    /// Its lines may begin with `>`.
    is_quoted: bool,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Nothing but indentation and the marks of quotes and list items.
    Start,
    /// `-`, `*` or `+`: a list item if white space follows.
    Bullet,
    /// So many digits.
    Number(u32),
    /// `.` or `)` behind digits: a list item if white space follows.
    Numbered,
    /// Backticks or tildes.
    Marks(Fence),
    /// Behind an opening fence, unless a later backtick shows that it is none.
    Info(Fence),
    /// None of the others.
    Prose,
    /// A row of a table.
    Row,
    /// In a fence: nothing but indentation; then so many of its marks; then
    /// nothing but white space; then none of these.
    CodeStart,
    CodeMarks(u32),
    CodeEnd,
    Code,
}

impl Lines {
    pub(super) fn new() -> Lines {
        Lines { state: State::Start, column: 0, item: 0, is_quoted: false, fence: None }
    }

    /// Whether the rest of the line cannot change what it is.
    pub(super) fn is_settled(&self) -> bool {
        matches!(self.state, State::Prose | State::Row | State::Code)
    }

    /// Whether the line is text in which claims end.
    pub(super) fn is_prose(&self) -> bool {
        matches!(
            self.state,
            State::Prose | State::Start | State::Bullet | State::Number(_) | State::Numbered
        )
    }

    /// Whether the line is a row of a table.
    pub(super) fn is_row(&self) -> bool {
        matches!(self.state, State::Row)
    }

    /// Whether the line stands in a fence.
    pub(super) fn is_fenced(&self) -> bool {
        self.fence.is_some()
    }

    /// Whether the line, if it ends here, is a fence or stands in one.
    pub(super) fn is_code(&self) -> bool {
        self.is_fenced() || self.opening().is_some()
    }

    /// Takes the next character of a line that is not settled.
    pub(super) fn take(&mut self, c: char) {
        self.state = match self.state {
            State::Start => self.start(c),
            State::Bullet | State::Numbered if c == ' ' || c == '\t' => {
                self.indent(c);
                self.item = self.column;
                State::Start
            }
            State::Number(count) if c.is_ascii_digit() && count < NUMBER_MAX => {
                self.column = self.column.saturating_add(1);
                State::Number(count + 1)
            }
            State::Number(_) if c == '.' || c == ')' => {
                self.column = self.column.saturating_add(1);
                State::Numbered
            }
            State::Bullet | State::Number(_) | State::Numbered => self.prose(),
            State::Marks(fence) if c == fence.mark => {
                State::Marks(Fence { count: fence.count.saturating_add(1), ..fence })
            }
            State::Marks(fence) if fence.count >= FENCE_MIN => State::Info(fence),
            State::Marks(_) => self.prose(),
            // three backticks and one more in the same line are code in a line
            State::Info(Fence { mark: '`', .. }) if c == '`' => self.prose(),
            State::CodeStart => self.code_start(c),
            State::CodeMarks(count) => match self.fence {
                Some(fence) if c == fence.mark => State::CodeMarks(count.saturating_add(1)),
                Some(fence) if count >= fence.count && (c == ' ' || c == '\t') => State::CodeEnd,
                _ => State::Code,
            },
            State::CodeEnd if c != ' ' && c != '\t' => State::Code,
            state => state,
        };
    }

    /// The line ends.
    pub(super) fn end(&mut self) {
        if let Some(fence) = self.opening() {
            self.fence = Some(fence);
        } else if let Some(fence) = self.fence {
            let closes = match self.state {
                State::CodeMarks(count) => count >= fence.count,
                State::CodeEnd => true,
                _ => false,
            };
            if closes {
                self.fence = None;
            }
        }
        self.state = if self.is_fenced() { State::CodeStart } else { State::Start };
        self.column = 0;
        self.is_quoted = false;
    }

    /// The fence that the line opens if it ends here.
    fn opening(&self) -> Option<Fence> {
        match self.state {
            State::Marks(fence) if fence.count >= FENCE_MIN => Some(fence),
            State::Info(fence) => Some(fence),
            _ => None,
        }
    }

    fn start(&mut self, c: char) -> State {
        let next = match c {
            ' ' | '\t' => {
                self.indent(c);
                return State::Start;
            }
            '>' => {
                self.is_quoted = true;
                self.column = 0;
                return State::Start;
            }
            '`' | '~' if self.column < self.column_end() => {
                let (column_end, is_quoted) = (self.column_end(), self.is_quoted);
                State::Marks(Fence { mark: c, count: 1, column_end, is_quoted })
            }
            '-' | '*' | '+' => State::Bullet,
            '|' => State::Row,
            c if c.is_ascii_digit() => State::Number(1),
            _ => return self.prose(),
        };
        self.column = self.column.saturating_add(1);
        next
    }

    fn code_start(&mut self, c: char) -> State {
        match self.fence {
            _ if c == ' ' || c == '\t' => {
                self.indent(c);
                State::CodeStart
            }
            Some(fence) if c == '>' && fence.is_quoted => {
                self.column = 0;
                State::CodeStart
            }
            Some(fence) if c == fence.mark && self.column < fence.column_end => State::CodeMarks(1),
            _ => State::Code,
        }
    }

    fn prose(&mut self) -> State {
        if self.column < self.item {
            self.item = 0;
        }
        State::Prose
    }

    fn column_end(&self) -> u32 {
        self.item.saturating_add(INDENT_END)
    }

    fn indent(&mut self, c: char) {
        let columns = if c == '\t' { 4 - self.column % 4 } else { 1 };
        self.column = self.column.saturating_add(columns);
    }
}

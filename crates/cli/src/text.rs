//! `--format text`: released text on stdout, what was decided on stderr, and on
//! a terminal the scores as a small graph under the text.

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Stderr, Stdout, Write};

use tidegate::{Channel, Mode, Release, ReleasedToken, TextAction, TextMatch, Unit};
use tidegate_score::{Finding, Mismatch};
use unicode_width::UnicodeWidthChar;

use crate::styled;
use crate::view::{Decision, Judged, Summary, View, is_watched};

/// How many of the last scores the graph shows.
const GRAPH_SCORES: usize = 40;
/// A claim or fact in a report is shortened to so many characters.
const QUOTE_CHARS_MAX: usize = 300;

pub(crate) struct TextView {
    out: Stdout,
    err: Stderr,
    style: Style,
    /// The live view, if people watch.
    live: Option<Live>,
    /// Whose text was written last.
    last: (u32, Channel),
    /// Whether the text written last ended its line.
    at_line_start: bool,
    graph: VecDeque<(f64, Mark)>,
    /// How often a check let pass what the policy allows; the first is reported,
    /// the rest are counted.
    allowed: BTreeMap<(String, String), u64>,
    /// How often each text rule matched: told at the end, as the text shows them.
    matches: BTreeMap<(String, TextAction, Mode), u64>,
}

/// The cursor of the live view: text is written above a line with the graph.
struct Live {
    columns: usize,
    column: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Pass,
    Warn,
    Halt,
}

/// ANSI sequences, or nothing.
struct Style {
    on: bool,
}

impl Style {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }

    fn dim(&self, text: &str) -> String {
        self.paint("2", text)
    }

    fn mark(&self, mark: Mark, text: &str) -> String {
        let code = match mark {
            Mark::Pass => "32",
            Mark::Warn => "33",
            Mark::Halt => "1;31",
        };
        self.paint(code, text)
    }
}

impl TextView {
    pub(crate) fn new() -> TextView {
        let columns = || terminal_size::terminal_size().map_or(80, |(width, _)| width.0 as usize);
        let movable = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        TextView {
            style: Style { on: styled(&io::stderr()) },
            live: (is_watched() && movable).then(|| Live { columns: columns().max(20), column: 0 }),
            out: io::stdout(),
            err: io::stderr(),
            last: (0, Channel::Content),
            at_line_start: true,
            graph: VecDeque::new(),
            allowed: BTreeMap::new(),
            matches: BTreeMap::new(),
        }
    }

    /// Writes released text: as it is, or wrapped and made harmless for people.
    fn write_text(&mut self, text: &str) -> io::Result<()> {
        match &mut self.live {
            None => self.out.write_all(text.as_bytes())?,
            Some(live) => {
                let mut shown = String::new();
                for word in text.split_inclusive(char::is_whitespace) {
                    live.place(word, &mut shown);
                }
                self.out.write_all(shown.as_bytes())?;
            }
        }
        self.at_line_start = text.ends_with('\n');
        self.out.flush()
    }

    /// Takes the graph off the terminal, so that text can go on.
    fn lift(&mut self) -> io::Result<()> {
        if self.live.is_some() {
            write!(self.err, "\x1b[J")?;
            self.err.flush()?;
        }
        Ok(())
    }

    /// Puts the graph on the line under the text and the cursor back.
    fn lower(&mut self) -> io::Result<()> {
        let status = self.status();
        if let Some(live) = &self.live
            && !status.is_empty()
        {
            write!(self.err, "\n\r{status}\x1b[1A\x1b[{}G", live.column + 1)?;
            self.err.flush()?;
        }
        Ok(())
    }

    fn status(&self) -> String {
        let Some((score, mark)) = self.graph.back() else { return String::new() };
        let bars: String =
            self.graph.iter().map(|(score, mark)| self.style.mark(*mark, bar(*score))).collect();
        let columns = self.live.as_ref().map_or(80, |live| live.columns);
        let dots = " ".repeat(GRAPH_SCORES.min(columns.saturating_sub(16)) - self.graph.len());
        let number = self.style.mark(*mark, &format!("{score:.2}"));
        format!("{} {bars}{dots} {number}", self.style.dim("score"))
    }

    fn add_score(&mut self, score: f64, mark: Mark) {
        let columns = self.live.as_ref().map_or(80, |live| live.columns);
        if self.graph.len() >= GRAPH_SCORES.min(columns.saturating_sub(16)) {
            self.graph.pop_front();
        }
        self.graph.push_back((score, mark));
    }

    /// Ends the text's line, so that a report stands on its own.
    fn end_line(&mut self) -> io::Result<()> {
        if !self.at_line_start && self.live.is_some() {
            writeln!(self.out)?;
            self.out.flush()?;
            self.at_line_start = true;
        }
        if let Some(live) = &mut self.live {
            live.column = 0;
        }
        Ok(())
    }

    fn report(&mut self, decision: &Decision<'_>) -> io::Result<()> {
        let halted = decision.halted;
        let (mark, word) = match decision.kind {
            "halt" => (Mark::Halt, "halted"),
            "shadow" => (Mark::Warn, "would have halted"),
            _ => (Mark::Warn, "allowed"),
        };
        let mut place = format!("choice {}", halted.choice);
        if let Some(channel) = halted.channel {
            place = format!("{place}, {channel}");
        }
        let unit = match decision.unit {
            Some(Unit::Token) => "token",
            Some(Unit::Claim) => "claim",
            None => "at",
        };
        if let (Some(index), Some(start), Some(end)) = (halted.index, halted.start, halted.end) {
            place = format!("{place}, {unit} {index}, bytes {start} to {end}");
        } else if let Some(start) = halted.start {
            place = format!("{place}, byte {start}");
        }
        let rows = self.rows(decision, unit);
        let title = self.style.mark(mark, word);
        writeln!(self.err, "{title} by `{}`: {place}", halted.check)?;
        for (name, value) in rows {
            let name = self.style.dim(&format!("{name:<9}"));
            writeln!(self.err, "  {name} {value}")?;
        }
        Ok(())
    }

    fn rows(&self, decision: &Decision<'_>, unit: &'static str) -> Vec<(String, String)> {
        let mut rows = Vec::new();
        let mut row = |name: &str, value: String| rows.push((name.to_string(), value));
        row("why", decision.halted.reason.clone());
        if let Some(text) = decision.text {
            row(unit, quote(text));
        }
        if let Some(evidence) = decision.evidence {
            let unmatched = quote(&evidence.unmatched.join(", "));
            match evidence.finding {
                Finding::Unsupported if !unmatched.is_empty() => {
                    row("finding", format!("unsupported: {unmatched}"));
                }
                finding => row("finding", finding.as_str().to_string()),
            }
            if let Some(passage) = evidence.passage {
                let mut fact = quote(&evidence.text);
                if evidence.finding == Finding::Contradicted {
                    let kind = evidence.mismatch.map(Mismatch::as_str).unwrap_or_default();
                    let differs = format!("{kind} {unmatched}");
                    let fact_end = fact.trim_end_matches('.').len();
                    fact.truncate(fact_end);
                    fact = match differs.trim() {
                        "" => fact,
                        differs => format!("{fact}; differs in: {differs}"),
                    };
                }
                row(&format!("fact {passage} says:"), fact);
            }
        }
        if decision.kind == "halt" {
            let bytes = count(decision.withheld_bytes, "byte");
            row("withheld", format!("{bytes} that had come, and all that follows"));
        }
        rows
    }
}

impl Live {
    /// Appends a word and moves the cursor, with a new line where it would not
    /// fit and nothing in it that a terminal would act on.
    fn place(&mut self, word: &str, shown: &mut String) {
        let width: usize = word.trim_end().chars().filter_map(char::width).sum();
        // one column stays free: a cursor behind the last one cannot be put back
        let columns = self.columns - 1;
        if self.column > 0 && self.column + width > columns && width < columns {
            shown.push('\n');
            self.column = 0;
        }
        for c in word.chars() {
            match c {
                '\n' => {
                    shown.push('\n');
                    self.column = 0;
                }
                '\t' => self.put(' ', 1, columns, shown),
                '\r' => {}
                _ if c.is_control() => self.put('\u{fffd}', 1, columns, shown),
                _ => self.put(c, c.width().unwrap_or(0), columns, shown),
            }
        }
    }

    fn put(&mut self, c: char, width: usize, columns: usize, shown: &mut String) {
        if self.column + width > columns {
            shown.push('\n');
            self.column = 0;
            if c == ' ' {
                return;
            }
        }
        shown.push(c);
        self.column += width;
    }
}

impl View for TextView {
    fn release(&mut self, release: &Release<'_>, _: &[&ReleasedToken]) -> io::Result<()> {
        let Release { choice, channel, text, .. } = *release;
        self.lift()?;
        if self.last != (choice, channel) {
            // a stream of one channel is its text and nothing else
            self.last = (choice, channel);
            let heading = if choice == 0 {
                format!("[{channel}]\n")
            } else {
                format!("[choice {choice}, {channel}]\n")
            };
            if !self.at_line_start {
                self.write_text("\n")?;
            }
            self.write_text(&heading)?;
        }
        self.write_text(text)?;
        self.lower()
    }

    fn matched(&mut self, matched: &TextMatch) -> io::Result<()> {
        let rule = matched.rule.as_ref().map(|rule| format!(", rule `{rule}`")).unwrap_or_default();
        let what = format!("`{}`{rule}", matched.check);
        *self.matches.entry((what, matched.action, matched.mode)).or_insert(0) += 1;
        Ok(())
    }

    fn scored(&mut self, judged: &Judged<'_>) -> io::Result<()> {
        let mark = if judged.passed.warn { Mark::Warn } else { Mark::Pass };
        self.add_score(judged.passed.score.to_f64(), mark);
        self.lift()?;
        self.lower()
    }

    fn decided(&mut self, decision: &Decision<'_>) -> io::Result<()> {
        if decision.kind == "allowed" {
            let key = (decision.halted.check.clone(), decision.halted.code.clone());
            let count = self.allowed.entry(key).or_insert(0);
            *count += 1;
            if *count > 1 {
                return Ok(());
            }
        }
        self.lift()?;
        if let (Some(value), "hard_limit" | "window_avg" | "contradicted" | "unsupported") =
            (decision.halted.value, decision.halted.code.as_str())
        {
            self.add_score(value, if decision.kind == "halt" { Mark::Halt } else { Mark::Warn });
        }
        self.end_line()?;
        if decision.kind == "halt" && !self.graph.is_empty() {
            let status = self.status();
            writeln!(self.err, "{status}")?;
        }
        self.report(decision)?;
        self.lower()
    }

    fn end(&mut self, summary: &Summary) -> io::Result<()> {
        self.lift()?;
        self.end_line()?;
        for ((check, code), times) in self.allowed.iter().filter(|(_, times)| **times > 1) {
            let word = self.style.mark(Mark::Warn, "allowed");
            writeln!(self.err, "{word} by `{check}`: {code}, {times} times in all")?;
        }
        for ((what, action, mode), times) in &self.matches {
            let word = match (action, mode) {
                (_, Mode::Shadow) => format!("would have {}", past(*action)),
                _ => past(*action).to_string(),
            };
            let word = self.style.mark(Mark::Warn, &word);
            writeln!(self.err, "{word} by {what}: {}", count(*times, "match"))?;
        }
        let mut line = format!(
            "released {}, {} judged, {}",
            count(summary.released_bytes, "byte"),
            count(summary.scores, "score"),
            count(summary.warnings, "warning"),
        );
        for (n, what) in
            [(summary.contradicted, "contradicted"), (summary.unsupported, "unsupported")]
        {
            if n > 0 {
                line = format!("{line}, {} {what}", count(n, "claim"));
            }
        }
        if summary.scores_left > 0 && summary.halts == 0 {
            line = format!("{line}, {} of the column left over", summary.scores_left);
        }
        if summary.halts == 0 && !self.graph.is_empty() {
            let status = self.status();
            writeln!(self.err, "{status}")?;
        }
        let verdict = match summary.halts {
            0 => self.style.mark(Mark::Pass, "open"),
            _ => self.style.mark(Mark::Halt, "halted"),
        };
        writeln!(self.err, "{verdict}: {line}")
    }
}

fn past(action: TextAction) -> &'static str {
    match action {
        TextAction::Halt => "halted",
        TextAction::Mask => "masked",
        TextAction::Flag => "flagged",
    }
}

fn count(n: u64, one: &str) -> String {
    match n {
        1 => format!("1 {one}"),
        _ if one.ends_with("ch") => format!("{n} {one}es"),
        _ => format!("{n} {one}s"),
    }
}

fn bar(score: f64) -> &'static str {
    const BARS: [&str; 8] = ["▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"];
    let step = (score.clamp(0.0, 1.0) * 7.0).round() as usize;
    BARS.get(step).copied().unwrap_or("?")
}

/// Foreign text for a report: short, on one line, and harmless.
fn quote(text: &str) -> String {
    let trimmed = text.trim();
    let mut quoted: String = trimmed.chars().take(QUOTE_CHARS_MAX).map(harmless).collect();
    if trimmed.chars().nth(QUOTE_CHARS_MAX).is_some() {
        quoted.push('…');
    }
    quoted
}

fn harmless(c: char) -> char {
    match c {
        '\n' | '\t' => ' ',
        _ if c.is_control() => '\u{fffd}',
        _ => c,
    }
}

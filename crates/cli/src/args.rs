//! The one table of commands and flags; help, man page and completions come
//! from it.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum, ValueHint};
use clap_complete::Shell;

/// Decides, token by token, what a language model's output may leave.
#[derive(Debug, Parser)]
#[command(name = "tidegate", version, max_term_width = 100)]
#[command(
    after_help = "Exit codes: 0 all was released, 1 a stream was halted or a replay differs, \
    2 usage or bad input."
)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Pass a recorded stream through the gate
    ///
    /// Released text goes to stdout as it leaves, what was decided to stderr. On a terminal the
    /// scores run along as a small graph.
    Run(Run),
    /// Decide a trace again and compare
    Replay(Replay),
    /// Read a policy and say what is wrong with it
    Validate(Validate),
    /// Make a policy ready once, for where it must be ready at once
    ///
    /// What is written decides the same, on any host. Text rules need no compiling there: a Worker
    /// or a page loads it in milliseconds, and with a smaller module. Every command that takes a
    /// policy takes it too. Paths of models in it count from where it lies.
    Compile(Compile),
    /// Measure how well a policy tells right answers from wrong ones
    ///
    /// Each answer of the data goes whole through the gate. What is reported are the gate's own
    /// halts, how well the scores tell answers apart, and what the length of an answer and the words
    /// it shares with the facts would tell alone. The score of an answer is the least of its claims'
    /// scores, 0 if a finding or a missing score halts it, and 1 if no claim was scored.
    Eval(Eval),
    /// Find a limit, and the weights of a blend, that keep false halts rare
    ///
    /// The limit is learnt on parts of the data and measured on the others, and then learnt once more
    /// on all. It is the k-th least score of a right answer, where k is the target times the number of
    /// right answers plus one, rounded down: a limit that keeps to the target on new answers of the
    /// same kind too. What is written is a policy of one check, with one limit.
    Calibrate(Calibrate),
    /// Keep facts in one file, or look into it
    ///
    /// Lists the sources of the facts and how many passages each has, after what was added and
    /// deleted.
    Facts(Facts),
    /// List the text rules that ship with the program
    Rules(Rules),
    /// Print the JSON Schema of policies
    Schema,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the man page
    Man,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Run {
    /// The stream: SSE, JSON Lines of events, or plain text; `-` is stdin
    #[arg(value_name = "FILE", default_value = "-", value_hint = ValueHint::FilePath)]
    pub(crate) file: PathBuf,
    /// The policy: .toml, .yaml, .yml, .json or .tgp; without it, one check compares the claims of the
    /// answer with the facts
    #[arg(long, short, value_name = "FILE", required_unless_present = "facts", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// What is held to be true, for checks that score by it: .txt, .md, .csv, .jsonl or .facts
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) facts: Option<PathBuf>,
    /// A column of scores, one number a line, for checks that score by `host`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) scores: Option<PathBuf>,
    /// How the stream is framed
    #[arg(long, value_enum, default_value_t = Framing::Auto)]
    pub(crate) framing: Framing,
    /// Text for people, or JSON Lines for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
    /// Draw the scores and limits into this SVG file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plot: Option<PathBuf>,
    /// Write the trace, from which `replay` gives the same verdicts, to this file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) trace: Option<PathBuf>,
    /// Wait so long, in milliseconds, after each piece of text, to watch it as it would come
    #[arg(long, value_name = "MS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) delay_ms: u64,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Replay {
    /// The trace; `-` is stdin
    #[arg(value_name = "TRACE", value_hint = ValueHint::FilePath)]
    pub(crate) trace: PathBuf,
    /// Text for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Validate {
    /// The policy: .toml, .yaml, .yml, .json or .tgp
    #[arg(value_name = "POLICY", value_hint = ValueHint::FilePath)]
    pub(crate) policy: PathBuf,
    /// Text for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Compile {
    /// The policy: .toml, .yaml, .yml or .json
    #[arg(value_name = "POLICY", value_hint = ValueHint::FilePath)]
    pub(crate) policy: PathBuf,
    /// Write to this file, .tgp; without it, beside the policy
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

/// Labelled answers.
#[derive(Debug, clap::Args)]
pub(crate) struct Data {
    /// The labelled answers: .jsonl, .ndjson or .csv with a line of names
    #[arg(value_name = "DATA", value_hint = ValueHint::FilePath)]
    pub(crate) data: PathBuf,
    /// Which columns mean what, as in `facts=evidence,answer=claim`
    ///
    /// `facts`, a text or a list of texts; `answer`; `label`. Or `right` and `wrong`, two answers a
    /// row. `group`: rows with the same word hang together; without it those do that share facts or
    /// an answer. `tokens`, a list of texts, with `unsupported`, a list of true and false (an answer
    /// is wrong if one is true and there is no `label`), and with `logprobs`, a list of numbers.
    /// `host`: scores of another program, one for each claim or one for all.
    #[arg(long, value_name = "KEY=NAME,…", value_delimiter = ',')]
    pub(crate) columns: Vec<String>,
    /// What is held to be true, for data without a column of facts: text or Markdown
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) facts: Option<PathBuf>,
    /// The policy, with one halt check that scores claims; without it one that compares them with
    /// the facts and holds every score to the default limits
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) policy: Option<PathBuf>,
    /// A label for right answers, beside the known ones (`true`, `1`, `supports`, …)
    #[arg(long, value_name = "WORD")]
    pub(crate) right: Vec<String>,
    /// A label for wrong answers, beside the known ones (`false`, `0`, `refutes`, …)
    #[arg(long, value_name = "WORD")]
    pub(crate) wrong: Vec<String>,
    /// What the random draws of intervals and folds start from
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    pub(crate) seed: u64,
    /// Draw the ROC curve and the scores into this SVG file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) plot: Option<PathBuf>,
    /// Text for people, or JSON for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Eval {
    #[command(flatten)]
    pub(crate) data: Data,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Calibrate {
    #[command(flatten)]
    pub(crate) data: Data,
    /// The share of right answers that may be halted, from 0 to 1
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    pub(crate) false_halts: f64,
    /// Learn to blend these scores: `facts`, `embed`, `nli`, `host`, `logprob.mean`, `logprob.min`,
    /// `logprob.entropy`
    #[arg(long, value_name = "SCORE,…", value_delimiter = ',')]
    pub(crate) blend: Vec<String>,
    /// Into how many parts the data are divided
    #[arg(long, value_name = "NUMBER", default_value_t = 5, value_parser = clap::value_parser!(u32).range(2..=100))]
    pub(crate) folds: u32,
    /// Write the policy with the limit to this file, not to stdout
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Facts {
    /// The facts: a .facts file, made if facts are added; or .txt, .md, .csv, .jsonl to look into
    #[arg(value_name = "STORE", value_hint = ValueHint::FilePath)]
    pub(crate) store: PathBuf,
    /// Add the passages of this file; what it had added before goes
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub(crate) add: Vec<PathBuf>,
    /// Delete the passages of this source, before anything is added
    #[arg(long, value_name = "SOURCE")]
    pub(crate) delete: Vec<String>,
    /// Show the passages nearest to this claim, best first
    #[arg(long, value_name = "CLAIM")]
    pub(crate) find: Option<String>,
    /// Text for people, or JSON Lines for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Debug, clap::Args)]
pub(crate) struct Rules {
    /// Only these: groups or single rules; all if none is given
    #[arg(value_name = "NAME")]
    pub(crate) names: Vec<String>,
    /// Text for people, or JSON Lines for programs
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub(crate) format: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Framing {
    /// By the first bytes
    Auto,
    /// Server-sent events
    Sse,
    /// One event's JSON a line
    Jsonl,
    /// Plain text, all of it content
    Text,
}

impl From<Framing> for tidegate::Framing {
    fn from(framing: Framing) -> Self {
        match framing {
            Framing::Auto => tidegate::Framing::Auto,
            Framing::Sse => tidegate::Framing::Sse,
            Framing::Jsonl => tidegate::Framing::JsonLines,
            Framing::Text => tidegate::Framing::Text,
        }
    }
}

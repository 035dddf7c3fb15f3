//! The `tidegate` program; see `tidegate --help`.

mod args;
mod calibrate;
mod compile;
mod curve;
mod data;
mod eval;
mod facts;
mod flight;
mod fragment;
mod groups;
mod input;
mod json;
mod judge;
mod models;
mod plot;
mod replay;
mod rules;
mod run;
mod scorers;
mod text;
mod validate;
mod view;
mod whole_file;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use miette::{GraphicalReportHandler, GraphicalTheme};
use tidegate::Policy;

use crate::args::{Args, Command};
use crate::input::BadInput;

/// How a command that was carried out ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Clean,
    Halted,
}

/// Why a command was not carried out.
#[derive(Debug)]
enum Failure {
    BadInput(BadInput),
    /// Output could not be written.
    Output(io::Error),
}

impl From<BadInput> for Failure {
    fn from(error: BadInput) -> Self {
        Failure::BadInput(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Output(error)
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let outcome = match args.command {
        Command::Run(args) => run::run(&args),
        Command::Replay(args) => replay::replay(&args),
        Command::Validate(args) => validate::validate(&args),
        Command::Compile(args) => compile::compile(&args),
        Command::Eval(args) => eval::eval(&args),
        Command::Calibrate(args) => calibrate::calibrate(&args),
        Command::Facts(args) => facts::facts(&args),
        Command::Rules(args) => rules::rules(&args),
        Command::Schema => print(|out| {
            serde_json::to_writer_pretty(&mut *out, &Policy::schema())?;
            writeln!(out)
        }),
        Command::Completions { shell } => print(|out| {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "tidegate", &mut script);
            out.write_all(&script)
        }),
        Command::Man => print(man),
    };
    match outcome {
        Ok(Outcome::Clean) => ExitCode::SUCCESS,
        Ok(Outcome::Halted) => ExitCode::from(1),
        // whoever read our output has seen enough
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            report(&failure);
            ExitCode::from(2)
        }
    }
}

fn print(write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<Outcome, Failure> {
    let mut out = io::stdout().lock();
    write(&mut out)?;
    out.flush()?;
    Ok(Outcome::Clean)
}

/// The page of the program, then those of its commands.
fn man(out: &mut dyn Write) -> io::Result<()> {
    let mut command = Args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut &mut *out)?;
    for sub in command.get_subcommands().filter(|sub| sub.get_name() != "help") {
        clap_mangen::Man::new(sub.clone()).render(&mut &mut *out)?;
    }
    Ok(())
}

fn report(failure: &Failure) {
    let mut err = io::stderr().lock();
    // if stderr is closed there is nobody left to tell
    let _ = match failure {
        Failure::BadInput(BadInput::Policy(fault)) => {
            let theme = match (err.is_terminal(), styled(&err)) {
                (true, true) => GraphicalTheme::unicode(),
                (true, false) => GraphicalTheme::unicode_nocolor(),
                (false, _) => GraphicalTheme::none(),
            };
            let mut drawn = String::new();
            match GraphicalReportHandler::new_themed(theme).render_report(&mut drawn, &**fault) {
                Ok(()) => write!(err, "{drawn}"),
                Err(_) => writeln!(err, "error: {fault}"),
            }
        }
        Failure::BadInput(error) => writeln!(err, "error: {error}"),
        Failure::Output(error) => writeln!(err, "error: output: {error}"),
    };
}

/// Whether to use colour on this stream.
fn styled(stream: &impl IsTerminal) -> bool {
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    stream.is_terminal() && !no_color && !dumb
}

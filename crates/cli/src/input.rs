//! Files in, with errors that name them.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use miette::{Diagnostic, LabeledSpan, NamedSource, SourceCode};
use tidegate::{Checks, Format, Notice, PolicyError};
use tidegate_ground::{Facts, FactsFormat, FactsLimits};
use tidegate_score::HostScores;

/// A policy file is read no further than this.
const POLICY_BYTES_MAX: u64 = 1 << 20;
/// Nor is a compiled policy.
const COMPILED_BYTES_MAX: u64 = 256 << 20;
/// The extension of compiled policies.
pub(crate) const COMPILED: &str = "tgp";
/// A column of scores is read no further than this: some 100 million scores.
const SCORES_BYTES_MAX: u64 = 1 << 30;

/// Something the user gave cannot be used. Exit code 2.
#[derive(Debug)]
pub(crate) enum BadInput {
    /// A file, and what is wrong with it.
    File { path: PathBuf, what: String },
    /// A policy that was read, and the place in it.
    Policy(Box<PolicyFault>),
    /// The flags do not go together.
    Usage(String),
}

impl BadInput {
    pub(crate) fn file(path: &Path, what: impl fmt::Display) -> BadInput {
        BadInput::File { path: path.to_path_buf(), what: what.to_string() }
    }
}

impl fmt::Display for BadInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadInput::File { path, what } => write!(f, "{}: {what}", path.display()),
            BadInput::Policy(fault) => fault.fmt(f),
            BadInput::Usage(what) => f.write_str(what),
        }
    }
}

/// The fault of a policy, ready to be drawn with its caret.
#[derive(Debug)]
pub(crate) struct PolicyFault {
    error: PolicyError,
    source: NamedSource<String>,
}

impl PolicyFault {
    pub(crate) fn error(&self) -> &PolicyError {
        &self.error
    }

    pub(crate) fn file(&self) -> &str {
        self.source.name()
    }
}

impl fmt::Display for PolicyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error.message())
    }
}

impl std::error::Error for PolicyFault {}

impl Diagnostic for PolicyFault {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.error.help().map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        let label = LabeledSpan::new_with_span(None, self.error.span()?);
        Some(Box::new(std::iter::once(label)))
    }
}

pub(crate) fn is_compiled(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == COMPILED)
}

pub(crate) fn checks(path: &Path) -> Result<(Checks, Vec<Notice>), BadInput> {
    if is_compiled(path) {
        let checks = Checks::from_bytes(&bytes(path, COMPILED_BYTES_MAX)?);
        // what a reader should know was said when it was compiled
        return checks.map(|it| (it, Vec::new())).map_err(|error| BadInput::file(path, error));
    }
    let format = Format::from_path(path).ok_or_else(|| {
        let known = "`.toml`, `.yaml`, `.yml`, `.json` or `.tgp`";
        BadInput::file(path, format!("not a policy's name: expected {known}"))
    })?;
    let text = text(path, POLICY_BYTES_MAX)?;
    Checks::parse_with_notices(&text, format).map_err(|error| {
        let source = NamedSource::new(path.display().to_string(), text);
        BadInput::Policy(Box::new(PolicyFault { error, source }))
    })
}

pub(crate) fn facts(path: &Path) -> Result<Facts, BadInput> {
    let mut facts = Facts::with_limits(FactsLimits::default());
    add_facts(&mut facts, path)?;
    Ok(facts)
}

/// Reads facts into a store, by the file's extension.
pub(crate) fn add_facts(facts: &mut Facts, path: &Path) -> Result<(), BadInput> {
    let format = path.extension().and_then(|extension| extension.to_str());
    let format = format.map_or(Some(FactsFormat::Text), FactsFormat::from_extension);
    let format = format.ok_or_else(|| {
        let known = "`.txt`, `.md`, `.csv`, `.jsonl` or `.facts`";
        BadInput::file(path, format!("not a name of facts: expected {known}"))
    })?;
    let bytes = bytes(path, FactsLimits::default().bytes_max)?;
    let name = path.display().to_string();
    facts.read(format, &name, &bytes).map_err(|error| BadInput::file(path, error))?;
    Ok(())
}

pub(crate) fn scores(path: &Path) -> Result<HostScores, BadInput> {
    let text = text(path, SCORES_BYTES_MAX)?;
    HostScores::parse(&text).map_err(|error| BadInput::file(path, error))
}

pub(crate) fn bytes(path: &Path, bytes_max: u64) -> Result<Vec<u8>, BadInput> {
    let mut bytes = Vec::new();
    let mut limited = open(path)?.take(bytes_max + 1);
    limited.read_to_end(&mut bytes).map_err(|error| BadInput::file(path, error))?;
    if bytes.len() as u64 > bytes_max {
        return Err(BadInput::file(path, format!("over {bytes_max} bytes")));
    }
    Ok(bytes)
}

pub(crate) fn text(path: &Path, bytes_max: u64) -> Result<String, BadInput> {
    String::from_utf8(bytes(path, bytes_max)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        BadInput::file(path, format!("not UTF-8 at byte {at}"))
    })
}

/// The file, or stdin for `-`.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, BadInput> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin()));
    }
    let opened = File::open(path).and_then(|file| {
        // to open a directory succeeds, to read it fails later and less clearly
        if file.metadata()?.is_dir() {
            return Err(io::Error::from(io::ErrorKind::IsADirectory));
        }
        Ok(file)
    });
    match opened {
        Ok(file) => Ok(Box::new(file)),
        Err(error) => Err(BadInput::file(path, error)),
    }
}

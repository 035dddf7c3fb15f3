//! `tidegate compile`.

use std::io::{self, Write};

use crate::args;
use crate::input::{self, BadInput, COMPILED};
use crate::whole_file::WholeFile;
use crate::{Failure, Outcome};

pub(crate) fn compile(args: &args::Compile) -> Result<Outcome, Failure> {
    let path = args.output.clone().unwrap_or_else(|| args.policy.with_extension(COMPILED));
    if !input::is_compiled(&path) {
        let what = format!("not a compiled policy's name: expected `.{COMPILED}`");
        return Err(BadInput::file(&path, what).into());
    }
    let output = WholeFile::new(&path)?;
    let (checks, notices) = input::checks(&args.policy)?;
    let bytes = checks.to_bytes();
    output.write(&bytes)?;
    let mut out = io::stdout().lock();
    for notice in &notices {
        writeln!(out, "note: {notice}")?;
    }
    writeln!(out, "{}: {} bytes", path.display(), bytes.len())?;
    Ok(Outcome::Clean)
}

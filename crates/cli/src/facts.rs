//! `tidegate facts`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use tidegate_ground::{Facts, Passage};
use tidegate_score::PASSAGES;

use crate::args::{self, Format};
use crate::input::{self, BadInput};
use crate::whole_file::WholeFile;
use crate::{Failure, Outcome};

pub(crate) fn facts(args: &args::Facts) -> Result<Outcome, Failure> {
    let changes = !args.add.is_empty() || !args.delete.is_empty();
    let is_saved = args.store.extension().is_some_and(|extension| extension == "facts");
    if changes && !is_saved {
        let what = "only a `.facts` file can be changed";
        return Err(BadInput::file(&args.store, what).into());
    }
    // a store that is added to may be new
    let mut facts = if !args.add.is_empty() && !args.store.exists() {
        Facts::new()
    } else {
        input::facts(&args.store)?
    };
    if changes {
        let file = WholeFile::new(&args.store)?;
        for source in &args.delete {
            if facts.delete_source(source) == 0 {
                let what = format!("there is no source `{source}`");
                return Err(BadInput::file(&args.store, what).into());
            }
        }
        for path in &args.add {
            // a file that changed takes the place of what it was
            facts.delete_source(&path.display().to_string());
            input::add_facts(&mut facts, path)?;
        }
        file.write(facts.to_bytes())?;
    }
    let mut out = io::stdout().lock();
    match &args.find {
        Some(claim) => find(args.format, &facts, claim, &mut out)?,
        None => list(args, &facts, &mut out)?,
    }
    out.flush()?;
    Ok(Outcome::Clean)
}

fn find(format: Format, facts: &Facts, claim: &str, out: &mut impl Write) -> io::Result<()> {
    for hit in facts.search(claim, PASSAGES) {
        let Some(Passage { source, heading, text, line, .. }) = facts.get(hit.id) else { continue };
        match format {
            Format::Json => {
                let (passage, score) = (hit.id.0, hit.score);
                let found = json!({
                    "passage": passage, "score": score, "source": source, "line": line,
                    "heading": heading, "text": text,
                });
                writeln!(out, "{found}")?;
            }
            Format::Text => {
                let line = line.map(|line| format!(":{line}")).unwrap_or_default();
                writeln!(out, "{:6.2}  {source}{line}  {text}", hit.score)?;
            }
        }
    }
    Ok(())
}

fn list(args: &args::Facts, facts: &Facts, out: &mut impl Write) -> io::Result<()> {
    let mut sources: BTreeMap<&str, u64> = BTreeMap::new();
    for passage in facts.passages() {
        *sources.entry(passage.source).or_default() += 1;
    }
    for (source, passages) in sources {
        match args.format {
            Format::Json => writeln!(out, "{}", json!({"source": source, "passages": passages}))?,
            Format::Text => writeln!(out, "{passages:>8}  {}", Path::new(source).display())?,
        }
    }
    Ok(())
}

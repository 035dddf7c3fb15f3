//! Facts: any bytes as a file of any format.

use tidegate_ground::{Facts, FactsFormat, FactsLimits};

const FORMATS: [FactsFormat; 5] = [
    FactsFormat::Text,
    FactsFormat::Markdown,
    FactsFormat::Csv,
    FactsFormat::JsonLines,
    FactsFormat::Saved,
];

/// The first byte chooses the format. What is read keeps the limits, is found
/// by its own words, comes back from a file, and is gone when it is deleted. A
/// saved store gets a checksum that is right, so that more than that is read.
pub fn facts(data: &[u8]) {
    let Some((format, file)) = data.split_first() else { return };
    let format = FORMATS[usize::from(*format) % FORMATS.len()];
    let limits = FactsLimits { bytes_max: 1 << 16, passages_max: 64, passage_bytes_max: 40 };
    let mut facts = Facts::with_limits(limits);
    let sealed;
    let file = if format == FactsFormat::Saved {
        let _ = Facts::from_bytes_within(file, limits);
        sealed = tidegate_saved::sealed(b"tidegate facts 1\n", file);
        match Facts::from_bytes_within(&sealed, limits) {
            Ok(saved) => check(&saved, limits),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
        &sealed
    } else {
        file
    };
    match facts.read(format, "file", file) {
        Ok(added) => assert_eq!((added, facts.is_empty()), (facts.len(), false)),
        Err(error) => {
            assert!(!error.to_string().is_empty());
            assert!(facts.is_empty());
        }
    }
    check(&facts, limits);

    for at in facts.passages().map(|passage| passage.id).step_by(2).collect::<Vec<_>>() {
        assert!(facts.delete(at) && facts.get(at).is_none());
    }
    check(&facts, limits);
    facts.delete_source("file");
    assert!(facts.passages().all(|passage| passage.source != "file"));
}

fn check(facts: &Facts, limits: FactsLimits) {
    assert!(facts.len() <= limits.passages_max as usize);
    for passage in facts.passages() {
        assert!(passage.text.len() <= limits.passage_bytes_max && !passage.text.contains('\0'));
        let hits = facts.search(passage.text, facts.len());
        assert!(hits.iter().any(|hit| hit.id == passage.id));
        assert!(hits.iter().all(|hit| hit.score.is_finite() && hit.score > 0.0));
        // fewer are the first of more
        assert_eq!(facts.search(passage.text, 2), hits[..hits.len().min(2)]);
    }
    let saved = facts.to_bytes();
    let again = Facts::from_bytes_within(&saved, limits).expect("what was saved");
    assert!(again.passages().eq(facts.passages()));
    assert_eq!(again.to_bytes(), saved);
}

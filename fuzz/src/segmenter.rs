//! The claim segmenter: any text, any cuts, any limit.

use tidegate_score::{ClaimEnd, Segmenter};

/// The first byte is the longest claim and the size of the pieces, the rest the
/// text: the claims cover it, none is too long, and they are the same for every
/// cut.
pub fn claims(data: &[u8]) {
    let Some((first, text)) = data.split_first() else { return };
    let text = String::from_utf8_lossy(text);
    let claim_bytes_max = u64::from(*first).max(4);
    let whole = ends(&[&text], claim_bytes_max);
    let characters: Vec<&str> = text.split("").collect();
    assert_eq!(ends(&characters, claim_bytes_max), whole);
    let pieces: Vec<String> = text
        .chars()
        .collect::<Vec<char>>()
        .chunks(1 + usize::from(*first % 16))
        .map(|piece| piece.iter().collect())
        .collect();
    let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
    assert_eq!(ends(&pieces, claim_bytes_max), whole);

    let mut start = 0;
    for ClaimEnd { at, blank } in whole {
        let claim = text.get(start as usize..at as usize).expect("between two characters");
        assert!(!claim.is_empty() && claim.len() as u64 <= claim_bytes_max);
        assert!(blank || claim.chars().any(char::is_alphanumeric));
        start = at;
    }
    assert_eq!(start, text.len() as u64);
}

fn ends(pieces: &[&str], claim_bytes_max: u64) -> Vec<ClaimEnd> {
    let mut segmenter = Segmenter::new(claim_bytes_max);
    let (mut ends, mut pushed, mut settled) = (Vec::new(), 0, 0);
    for piece in pieces {
        segmenter.push(piece, &mut |end: ClaimEnd| {
            assert!(end.at >= settled);
            ends.push(end);
        });
        pushed += piece.len() as u64;
        let now = pushed - segmenter.unsettled();
        assert!(now >= settled && now >= segmenter.open_claim());
        settled = now;
    }
    segmenter.finish(&mut |end| {
        assert!(end.at >= settled);
        ends.push(end);
    });
    ends
}

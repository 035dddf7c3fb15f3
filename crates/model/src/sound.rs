//! What must hold of a `tokenizer.json` before the `tokenizers` crate may have
//! it: there are places where that panics instead of saying no.

use serde_json::Value;

/// Looks for what would panic later.
///
/// # Errors
/// What is wrong, as text.
pub(crate) fn check(tokenizer: &Value) -> Result<(), &'static str> {
    let mut all = Vec::new();
    objects(tokenizer.get("normalizer"), &mut all);
    for object in all {
        let map = object.get("precompiled_charsmap");
        let named = object.get("type").and_then(Value::as_str) == Some("Precompiled");
        if named || map.is_some() {
            let bytes = map.and_then(Value::as_str).and_then(base64);
            if bytes.and_then(|bytes| charsmap(&bytes)).is_none() {
                return Err("its `precompiled_charsmap` is damaged");
            }
        }
    }
    let model = tokenizer.get("model");
    match model.and_then(|model| model.get("merges")) {
        Some(Value::Array(merges)) if !merges.iter().all(|merge| is_merge(model, merge)) => {
            Err("one of its `merges` makes a piece that there is not")
        }
        _ => Ok(()),
    }
}

/// Whether both pieces of a merge and what comes of them are in the vocabulary.
fn is_merge(model: Option<&Value>, merge: &Value) -> bool {
    let field = |name| model.and_then(|model| model.get(name));
    let has = |piece: &str| field("vocab").is_some_and(|all| all.get(piece).is_some());
    let pair = match merge {
        Value::String(text) => text.split_once(' '),
        _ => merge.get(0).and_then(Value::as_str).zip(merge.get(1).and_then(Value::as_str)),
    };
    let prefix = field("continuing_subword_prefix").and_then(Value::as_str).unwrap_or_default();
    pair.is_some_and(|(a, b)| {
        let rest = b.strip_prefix(prefix);
        has(a) && has(b) && rest.is_some_and(|rest| has(&format!("{a}{rest}")))
    })
}

/// The same for its post-processor, once it was read and written again: it can
/// be written in several ways, and is now in one.
pub(crate) fn check_templates(processor: &Value) -> Result<(), &'static str> {
    let mut all = Vec::new();
    objects(Some(processor), &mut all);
    for object in all {
        let Some(special) = object.get("special_tokens") else { continue };
        for (template, texts) in [("single", &["A"][..]), ("pair", &["A", "B"])] {
            let pieces = object.get(template).and_then(Value::as_array).into_iter().flatten();
            for piece in pieces {
                let id = |kind| piece.get(kind)?.get("id")?.as_str();
                let known = match (id("Sequence"), id("SpecialToken")) {
                    (Some(text), _) => texts.contains(&text),
                    (_, Some(token)) => special.get(token).is_some(),
                    _ => false,
                };
                if !known {
                    return Err("its template names a text or a special token that there is not");
                }
            }
        }
    }
    Ok(())
}

/// All objects in a document; reading it has bounded how deep they lie.
fn objects<'a>(value: Option<&'a Value>, all: &mut Vec<&'a Value>) {
    match value {
        Some(Value::Array(list)) => list.iter().for_each(|value| objects(Some(value), all)),
        Some(object @ Value::Object(map)) => {
            all.push(object);
            map.values().for_each(|value| objects(Some(value), all));
        }
        _ => {}
    }
}

/// Follows all ways through SentencePiece's map of characters: the length of a
/// double-array trie in bytes, the trie in units of 32 bits, and the texts that
/// its values point into. `None` if a way leads out of it.
fn charsmap(bytes: &[u8]) -> Option<()> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (trie, texts) = rest.split_at_checked(u32::from_le_bytes(*length) as usize / 4 * 4)?;
    let texts = std::str::from_utf8(texts).ok()?;
    let (units, _) = trie.as_chunks::<4>();
    let unit = |at: usize| units.get(at).map(|unit| u32::from_le_bytes(*unit));
    let offset = |unit: u32| ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize;
    let mut seen = vec![false; units.len()];
    let mut open = vec![offset(unit(0)?)];
    while let Some(node) = open.pop() {
        // whichever byte comes, there is a unit to look at
        unit(node | 0xff)?;
        let seen = seen.get_mut(node)?;
        if std::mem::replace(seen, true) {
            continue;
        }
        for byte in 1..=0xff {
            let child = unit(node ^ byte as usize)?;
            // the highest bit marks a value
            if child & (1 << 31 | 0xff) == byte {
                let next = node ^ byte as usize ^ offset(child);
                if child >> 8 & 1 == 1 {
                    let start = (unit(next)? & !(1 << 31)) as usize;
                    texts.get(start..)?;
                }
                open.push(next);
            }
        }
    }
    Some(())
}

/// Base64 in its one canonical form: the crate that decodes it takes no other.
fn base64(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| {
        Some(u32::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        }))
    };
    let padding = text.bytes().rev().take_while(|byte| *byte == b'=').count();
    let (groups, []) = text.as_bytes().as_chunks::<4>() else { return None };
    let mut bytes = Vec::with_capacity(groups.len() * 3);
    let kept = text.len().checked_sub(padding).filter(|_| padding <= 2)?;
    for (number, group) in groups.iter().enumerate() {
        let mut bits = 0;
        for (at, byte) in group.iter().enumerate() {
            bits = bits << 6 | if number * 4 + at < kept { digit(*byte)? } else { 0 };
        }
        bytes.extend(bits.to_be_bytes().into_iter().skip(1));
    }
    let left = bytes.split_off(bytes.len() - padding);
    left.iter().all(|byte| *byte == 0).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_canonical() {
        let check = |text: &str, expect: Option<&[u8]>| {
            assert_eq!(base64(text).as_deref(), expect, "{text}");
        };
        check("", Some(b""));
        check("Zg==", Some(b"f"));
        check("Zm8=", Some(b"fo"));
        check("Zm9v", Some(b"foo"));
        check("+/+/", Some(&[0xfb, 0xff, 0xbf]));
        for wrong in ["Z", "Zg", "Zg=", "Zh==", "Zm9=", "Z===", "====", "Zg==Zg==", "Zé=", "Zm9v\n"]
        {
            check(wrong, None);
        }
    }

    /// A trie of one block in which `A` leads to the value; its root is unit 1.
    fn map(value: u32, offset: u32, texts: &[u8]) -> Vec<u8> {
        let mut units = [0_u32; 256];
        units[0] = 1 << 10;
        units[0x40] = offset << 10 | 1 << 8 | 0x41;
        units[0x42] = 1 << 31 | value;
        let mut bytes = 1024_u32.to_le_bytes().to_vec();
        bytes.extend(units.iter().flat_map(|unit| unit.to_le_bytes()));
        bytes.extend(texts);
        bytes
    }

    #[test]
    fn ways_out_of_a_map_are_found() {
        let check = |bytes: &[u8], sound: bool| assert_eq!(charsmap(bytes).is_some(), sound);
        check(&map(0, 2, b"a\0"), true);
        check(&map(2, 2, "é\0".as_bytes()), true);
        check(&map(1, 2, "é\0".as_bytes()), false);
        check(&map(9, 2, b"a\0"), false);
        check(&map(0, 256, b"a\0"), false);
        check(&map(0, 2, b"\xff"), false);
        check(b"", false);
        check(&[0; 4], false);
        let sound = map(0, 2, b"");
        check(&sound, true);
        for end in 0..sound.len() {
            check(&sound[..end], false);
        }
    }
}

//! Which bytes may follow in UTF-8: the Unicode standard's table 3-7.

/// How far into a character a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Between characters.
    Boundary,
    /// So many bytes are missing, the next one from this range, the others any
    /// continuation bytes.
    Inside { missing: u8, from: u8, to: u8 },
}

impl Phase {
    /// One byte on; `None` if it may not follow.
    pub(crate) fn next(self, byte: u8) -> Option<Phase> {
        let inside = |missing, from, to| Some(Phase::Inside { missing, from, to });
        match self {
            Phase::Boundary => match byte {
                0x00..=0x7f => Some(Phase::Boundary),
                0xc2..=0xdf => inside(1, 0x80, 0xbf),
                0xe0 => inside(2, 0xa0, 0xbf),
                0xe1..=0xec | 0xee..=0xef => inside(2, 0x80, 0xbf),
                0xed => inside(2, 0x80, 0x9f),
                0xf0 => inside(3, 0x90, 0xbf),
                0xf1..=0xf3 => inside(3, 0x80, 0xbf),
                0xf4 => inside(3, 0x80, 0x8f),
                _ => None,
            },
            Phase::Inside { missing, from, to } => match missing {
                _ if !(from..=to).contains(&byte) => None,
                1 => Some(Phase::Boundary),
                _ => inside(missing - 1, 0x80, 0xbf),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_valid_and_nothing_else_of_up_to_three_bytes() {
        let walk =
            |bytes: &[u8]| bytes.iter().try_fold(Phase::Boundary, |phase, byte| phase.next(*byte));
        for c in '\0'..=char::MAX {
            let text = c.encode_utf8(&mut [0; 4]).as_bytes().to_vec();
            assert_eq!(walk(&text), Some(Phase::Boundary), "{c:?}");
        }
        for number in 0..1u32 << 24 {
            let bytes = number.to_be_bytes();
            for length in 1..=3 {
                let bytes = bytes.get(4 - length..).unwrap_or_default();
                let is_valid = core::str::from_utf8(bytes).is_ok();
                assert_eq!(walk(bytes) == Some(Phase::Boundary), is_valid, "{bytes:x?}");
            }
        }
    }
}

//! Check digits: what tells a card or account number from other digits.

/// A condition on the matched text beyond the expression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checksum {
    /// The Luhn sum of payment cards (ISO/IEC 7812-1, annex B): from the right,
    /// every second digit counts double, as the sum of its own two digits, and
    /// all together make a multiple of ten.
    Luhn,
    /// The remainder of account numbers (ISO 13616, by ISO 7064 MOD 97-10): the
    /// first four characters put last and each letter read as a number from 10
    /// to 35, the whole leaves 1 when divided by 97.
    Mod97,
}

impl Checksum {
    /// Its name, as policies write it: `luhn` or `mod97`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Checksum::Luhn => "luhn",
            Checksum::Mod97 => "mod97",
        }
    }

    /// Whether it holds of `matched`.
    ///
    /// Spaces and hyphens do not count. With any other character that is not an
    /// ASCII digit (for [`Checksum::Mod97`], nor an ASCII letter, in either
    /// case) it does not hold, nor with less than two digits (for
    /// [`Checksum::Mod97`], less than five characters).
    #[must_use]
    pub fn holds(self, matched: &str) -> bool {
        let kept = matched.bytes().filter(|byte| !matches!(byte, b' ' | b'-'));
        match self {
            Checksum::Luhn => luhn(kept),
            Checksum::Mod97 => mod97(kept),
        }
    }
}

fn luhn(digits: impl DoubleEndedIterator<Item = u8>) -> bool {
    // kept below ten, so a text of any length is no matter
    let (mut sum, mut is_second, mut is_enough) = (0, false, false);
    for (place, byte) in digits.rev().enumerate() {
        if !byte.is_ascii_digit() {
            return false;
        }
        let digit = byte - b'0';
        sum = match (is_second, digit) {
            (false, _) => sum + digit,
            (true, 0..5) => sum + digit * 2,
            (true, _) => sum + digit * 2 - 9,
        } % 10;
        is_second = !is_second;
        is_enough = place > 0;
    }
    is_enough && sum == 0
}

fn mod97(mut characters: impl Iterator<Item = u8> + Clone) -> bool {
    let rearranged = characters.clone().skip(4).chain(characters.clone().take(4));
    let mut remainder: u32 = 0;
    for byte in rearranged {
        remainder = match byte {
            b'0'..=b'9' => remainder * 10 + u32::from(byte - b'0'),
            b'A'..=b'Z' => remainder * 100 + u32::from(byte - b'A') + 10,
            b'a'..=b'z' => remainder * 100 + u32::from(byte - b'a') + 10,
            _ => return false,
        } % 97;
    }
    remainder == 1 && characters.nth(4).is_some()
}

#[cfg(test)]
mod tests {
    use super::Checksum::{self, Luhn, Mod97};

    #[test]
    fn published_card_numbers_hold() {
        // the test numbers of Stripe, PayPal and Adyen, and the one of ISO/IEC 7812-1
        for number in [
            "4242424242424242",
            "4111 1111 1111 1111",
            "5555-5555-5555-4444",
            "2223003122003222",
            "378282246310005",
            "3782 822463 10005",
            "6011111111111117",
            "3056930009020004",
            "36227206271667",
            "3566002020360505",
            "6200000000000005",
            "4222222222222",
            "6205500000000000004",
            "49927398716",
            "18",
            "00",
        ] {
            assert!(Luhn.holds(number), "{number}");
        }
    }

    #[test]
    fn no_other_digit_in_a_place_holds() {
        let number = "4242424242424242";
        for place in 0..number.len() {
            for digit in '0'..='9' {
                let mut other = std::string::String::from(number);
                other.replace_range(place..=place, digit.encode_utf8(&mut [0; 4]));
                assert_eq!(Luhn.holds(&other), other == number, "{other}");
            }
        }
    }

    #[test]
    fn what_is_no_card_number_does_not_hold() {
        for text in ["", "0", " ", "-0-", "4242 4242 4242 4241", "42a4", "４２４２", "18\n", "1.8"]
        {
            assert!(!Luhn.holds(text), "{text:?}");
        }
    }

    #[test]
    fn published_account_numbers_hold() {
        // the examples of the IBAN registry
        for number in [
            "GB29 NWBK 6016 1331 9268 19",
            "GB29NWBK60161331926819",
            "gb29nwbk60161331926819",
            "DE89370400440532013000",
            "DE89-3704-0044-0532-0130-00",
            "FR1420041010050500013M02606",
            "NO9386011117947",
            "BE68539007547034",
            "CH9300762011623852957",
            "MT84MALT011000012345MTLCAST001S",
            "LC55HEMM000100010012001200023015",
        ] {
            assert!(Mod97.holds(number), "{number}");
        }
    }

    #[test]
    fn what_is_no_account_number_does_not_hold() {
        for text in [
            "",
            "1",
            "98",
            "0001",
            "GB29",
            "GB28 NWBK 6016 1331 9268 19",
            "GB29 NWBK 6016 1331 9286 19",
            "GB29.NWBK.6016.1331.9268.19",
            "GB29 NWBK 6016 1331 9268 19\n",
            "GB29 NWBK 6016 1331 9268 1é",
        ] {
            assert!(!Mod97.holds(text), "{text:?}");
        }
    }

    #[test]
    fn a_long_text_is_no_trouble() {
        let nines = "9".repeat(100_000);
        let zeds = "Z".repeat(100_000);
        for text in [nines.as_str(), &zeds] {
            let _ = [Luhn, Mod97].map(|checksum| checksum.holds(text));
        }
        assert!(Luhn.holds(&"0".repeat(100_000)));
    }

    #[test]
    fn names_are_distinct() {
        assert_eq!([Luhn, Mod97].map(Checksum::as_str), ["luhn", "mod97"]);
    }
}

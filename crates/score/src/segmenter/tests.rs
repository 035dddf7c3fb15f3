use super::*;
use proptest::prelude::*;

/// The claims of a text that comes in these pieces, each with whether it is
/// blank.
fn claims(pieces: &[&str], claim_bytes_max: u64) -> Vec<(String, bool)> {
    let text = pieces.concat();
    let mut segmenter = Segmenter::new(claim_bytes_max);
    let mut ends = Vec::new();
    let settled_of = |segmenter: &Segmenter| segmenter.at - segmenter.unsettled();
    for piece in pieces {
        let (settled, before) = (settled_of(&segmenter), ends.len());
        segmenter.push(piece, &mut |end| ends.push(end));
        assert!(ends[before..].iter().all(|end| end.at >= settled), "{ends:?} < {settled}");
        assert!(settled_of(&segmenter) >= settled.max(segmenter.open_claim()));
        assert!(segmenter.at - segmenter.open_claim() <= claim_bytes_max.max(4));
    }
    let settled = settled_of(&segmenter);
    segmenter.finish(&mut |end| {
        assert!(end.at >= settled, "{end:?} < {settled}");
        ends.push(end);
    });
    let mut start = 0;
    let mut claims = Vec::new();
    for ClaimEnd { at, blank } in ends {
        let claim = text.get(start..at as usize).expect("an end between two characters");
        assert!(!claim.is_empty());
        claims.push((claim.to_string(), blank));
        start = at as usize;
    }
    assert_eq!(start, text.len(), "the claims cover the text");
    claims
}

fn characters(text: &str) -> Vec<&str> {
    text.split("").collect()
}

/// Checks the claims of a text, those with `code:` before them being code.
#[track_caller]
fn check_at(claim_bytes_max: u64, text: &str, expect: &[&str]) {
    let expect: Vec<(String, bool)> = expect
        .iter()
        .map(|claim| match claim.strip_prefix("code:") {
            Some(code) => (code.to_string(), true),
            None => ((*claim).to_string(), !claim.chars().any(char::is_alphanumeric)),
        })
        .collect();
    assert_eq!(claims(&[text], claim_bytes_max), expect);
    let one_by_one = claims(&characters(text), claim_bytes_max);
    assert_eq!(one_by_one, expect, "one character at a time");
}

#[track_caller]
fn check(text: &str, expect: &[&str]) {
    check_at(1024, text, expect);
}

/// Checks that a text is one claim.
#[track_caller]
fn one(text: &str) {
    check(text, &[text]);
}

#[test]
fn sentences() {
    check("", &[]);
    check("One", &["One"]);
    check("One. Two! Three? Four… Five", &["One.", " Two!", " Three?", " Four…", " Five"]);
    check("It ends. ", &["It ends.", " "]);
    check("It ends.  \n New", &["It ends.", "  \n New"]);
    check("Really?! Yes... No.. And", &["Really?!", " Yes...", " No..", " And"]);
    check(
        "Open at 9. 12 came. (Others left.) ¿Sí?",
        &["Open at 9.", " 12 came.", " (Others left.)", " ¿Sí?"],
    );
    check("They left. I did too. A man came", &["They left.", " I did too.", " A man came"]);
}

#[test]
fn what_closes_a_sentence_belongs_to_it() {
    check(
        "He said \"no.\" Then (yes.) He left.",
        &["He said \"no.\"", " Then (yes.)", " He left."],
    );
    check("**Bold.** Next", &["**Bold.**", " Next"]);
    check("Er sagte »nein.« Dann ging er.", &["Er sagte »nein.«", " Dann ging er."]);
    check("It is big.[1][23] So is he.[^4] Bye", &["It is big.[1][23]", " So is he.[^4]", " Bye"]);
    check("It is big.² So", &["It is big.²", " So"]);
    check("Welcome!🎉 It is 👍🏽. 🙂 Bye ❤️", &["Welcome!🎉", " It is 👍🏽.", " 🙂 Bye ❤️"]);
}

#[test]
fn lower_case_goes_on_with_a_sentence() {
    one("\"Really?\" she asked, \"No!\" he said");
    one("It is (yes.) open");
    one("Well... it depends on what Yahoo! says");
    one("It took 5 tbsp. of oil");
    // but not where sentences begin in lower case
    check("it opens at 9. it closes at 5! ok", &["it opens at 9.", " it closes at 5!", " ok"]);
    check("- opens at 9. closed", &["- opens at 9.", " closed"]);
}

#[test]
fn stops_inside_words_and_numbers() {
    one("It costs 3.50 or 1.000,00 at example.org/a.b?c=1!d for a.b@c.org");
    one("Version 1.2.3-rc.1 of main.rs, U+0041...U+005A and .gitignore");
    check(
        "See https://a.org/b.html. It runs v1.2. Use `a.b. C`. End",
        &["See https://a.org/b.html.", " It runs v1.2.", " Use `a.b. C`.", " End"],
    );
}

#[test]
fn abbreviations() {
    check("Dr. A. Smith, e.g. the One, left. Bye", &["Dr. A. Smith, e.g. the One, left.", " Bye"]);
    one("Mrs. Ng vs. Mr. Bo, cf. Fig. 3, vol. IV, approx. 7, St. Paul");
    one("Das ist z. B. Paris, z.B. Rom, d.h. Bern bzw. Ulm, ca. 5, Nr. 6, vgl. Abb. 7");
    one("Voir p. ex. Paris, av. J.-C., chez Mme. Curie");
    one("La Sra. Paz, el Sr. Gil, pág. 5, EE.UU. Norte");
    one("Il sig. Verdi, avv. Bianchi, Via Roma S.p.A. Milano");
    one("J. R. R. Tolkien, Robert E. Lee, J.-P. Sartre, Ph.D. Jones");
    check("Pens, ink, etc. and more etc. They", &["Pens, ink, etc. and more etc.", " They"]);
    check(
        "See No. 5, Jan. 6, Art. 7. No. No. They",
        &["See No. 5, Jan. 6, Art. 7.", " No.", " No.", " They"],
    );
    check("It was I. You", &["It was I.", " You"]);
    check("It isn't. Bye. It’s Paul's. Bye", &["It isn't.", " Bye.", " It’s Paul's.", " Bye"]);
    check("See A B-c. Paris", &["See A B-c.", " Paris"]);
    check(
        "It runs 90 km/h. Paris is 5 m. It is",
        &["It runs 90 km/h.", " Paris is 5 m.", " It is"],
    );
}

#[test]
fn abbreviations_in_names_end_a_sentence_before_a_common_first_word() {
    one("The U.S. Army at 5 p.m. Monday, Acme Inc. Chief Jo Poe");
    check(
        "In the U.S. The law of Acme Inc. It's new. At 5 p.m. They",
        &["In the U.S.", " The law of Acme Inc.", " It's new.", " At 5 p.m.", " They"],
    );
    check("On Main St. The St. Paul", &["On Main St.", " The St. Paul"]);
    check("This is plan B. However", &["This is plan B.", " However"]);
    check("In the U.S.\nPaul", &["In the U.S.", "\nPaul"]);
    check("In the U.S. ", &["In the U.S.", " "]);
}

#[test]
fn numbers_before_a_stop() {
    check("It has 12. They left", &["It has 12.", " They left"]);
    check("It was in 2019. 5 left", &["It was in 2019.", " 5 left"]);
    one("1. First");
    one("Step 1. First");
    one("## 2. Second");
    one("a. First");
    one("iv. Fourth");
    one("On the 3. of May");
    one("Er kam am 3. Mai im 19. Jahrhundert");
    check("Er hat 3. Sie nicht", &["Er hat 3.", " Sie nicht"]);
}

#[test]
fn clauses() {
    check(
        "It opens daily at 9; it closes daily at 5.",
        &["It opens daily at 9;", " it closes daily at 5."],
    );
    check(
        "It opens daily at 9, but it closes on Mondays.",
        &["It opens daily at 9,", " but it closes on Mondays."],
    );
    for word in ["however", "whereas", "while", "but"] {
        let (first, second) = ("Cats sleep all day,", format!(" {word} the dogs do not."));
        check(&format!("{first}{second}"), &[first, &second]);
    }
    check(
        "The cat sleeps all day, and it's very old.",
        &["The cat sleeps all day,", " and it's very old."],
    );
    check(
        "One two three four; a (b c); e f g h; i j k l",
        &["One two three four; a (b c);", " e f g h;", " i j k l"],
    );
}

#[test]
fn what_cannot_stand_alone_is_no_clause() {
    // too short, one side or the other
    one("It opens; it closes at 5; bye.");
    one("Open, but it closes on Mondays.");
    one("It opens daily at 9, but it does.");
    // no subject
    one("He opened the museum early, but closed it late in May.");
    one("It is a small, but popular museum on the coast.");
    one("It shows the cats, the dogs, and the very old birds.");
    one("The old museum, however, is closed on all Mondays.");
    // in brackets, in code, in a number
    one("It is big (see the page above; it has all the figures).");
    one("It is written `one two three four; five six seven eight`.");
    one("It costs about 12,000, which the old city has paid.");
}

#[test]
fn lines() {
    check("- a\n- b\n\n- c\n", &["- a", "\n- b", "\n\n- c", "\n"]);
    check("a\r\nb\rc", &["a", "\r\nb", "\rc"]);
    check("---\nTitle\n", &["---\nTitle", "\n"]);
    check("1. First. More\n2) Second", &["1. First.", " More", "\n2) Second"]);
    check("# What it is\nText. More", &["# What it is", "\nText.", " More"]);
    check("#1 is big. #2 is not.", &["#1 is big.", " #2 is not."]);
    check("> Quoted. More\n> so", &["> Quoted.", " More", "\n> so"]);
    check("It has 3,\nwhich", &["It has 3,", "\nwhich"]);
}

#[test]
fn tables() {
    check(
        "Ages:\n| Name | Age |\n|---|:-:|\n| A. B. | 3. Yes; or so |\nText. More",
        &[
            "Ages:",
            "\n| Name | Age |",
            "\n|---|:-:|",
            "\n| A. B. | 3. Yes; or so |",
            "\nText.",
            " More",
        ],
    );
    check("| a |\n\n| b |", &["| a |", "\n\n| b |"]);
    check("a | b. C", &["a | b.", " C"]);
}

#[test]
fn fences() {
    check(
        "See:\n```rust\na. B\n\n```\nText",
        &["See:", "code:\n```rust", "code:\na. B", "code:\n", "code:\n```", "\nText"],
    );
    check("~~~\n```\na\n~~~~ \nb", &["code:~~~", "code:\n```", "code:\na", "code:\n~~~~ ", "\nb"]);
    check("   ```\r\na\r\n   ```\r\nb", &["code:   ```", "code:\r\na", "code:\r\n   ```", "\r\nb"]);
    // a closing fence is as long as the opening one and has nothing behind it
    check(
        "````\n```\n```` a\n````\nb",
        &["code:````", "code:\n```", "code:\n```` a", "code:\n````", "\nb"],
    );
    check("```\n    ```\na", &["code:```", "code:\n    ```", "code:\na"]);
    // it may stay open, and the text may end in it
    check("```js", &["code:```js"]);
    check("a\n```js\nb", &["a", "code:\n```js", "code:\nb"]);
}

#[test]
fn fences_in_list_items_and_quotes() {
    check(
        "1. Do:\n   ```\n   a\n   ```\n2. Do",
        &["1. Do:", "code:\n   ```", "code:\n   a", "code:\n   ```", "\n2. Do"],
    );
    check(
        "- a\n  - b\n\n    ```\n    c\n    ```\nd",
        &["- a", "\n  - b", "code:\n\n    ```", "code:\n    c", "code:\n    ```", "\nd"],
    );
    check("- ```a\n  b\n  ```\nc", &["code:- ```a", "code:\n  b", "code:\n  ```", "\nc"]);
    check("> ```\n> a\n> ```\n> b", &["code:> ```", "code:\n> a", "code:\n> ```", "\n> b"]);
}

#[test]
fn what_is_no_fence() {
    check("``` a. B ``` is. C\nd", &["``` a. B ``` is.", " C", "\nd"]);
    check("``a. B`` is. C", &["``a. B`` is.", " C"]);
    check("`a`. B", &["`a`.", " B"]);
    check("a ```\nbe. C", &["a ```", "\nbe.", " C"]);
    check("Text.\n\n    ```\nbe. C", &["Text.", "\n\n    ```\nbe.", " C"]);
    check("~~struck~~. B", &["~~struck~~.", " B"]);
    // an open backtick hides the stops of its line
    check("The ` char. Is\nan. Yes", &["The ` char. Is", "\nan.", " Yes"]);
    // but no more of them than code would
    let hidden = format!("The ` char. {}.", "No ".repeat(90));
    check(&format!("{hidden} Yes. `No. No` "), &[&hidden, " Yes.", " `No. No` "]);
}

#[test]
fn other_full_stops() {
    check(
        "九時に開く。「五時。」閉まる！？はい",
        &["九時に開く。", "「五時。」", "閉まる！？", "はい"],
    );
    check("यह है। वह॥ क्या", &["यह है।", " वह॥", " क्या"]);
    check("هل؟ نعم۔ لا", &["هل؟", " نعم۔", " لا"]);
    check("ሰላም። አዎ", &["ሰላም።", " አዎ"]);
    check("Այո։ Ոչ", &["Այո։", " Ոչ"]);
    check("ខ្ញុំ។ អ្នក", &["ខ្ញុំ។", " អ្នក"]);
    check("မြန်မာ။ ဟုတ်", &["မြန်မာ။", " ဟုတ်"]);
    check("Он ушёл. Она тоже", &["Он ушёл.", " Она тоже"]);
}

#[test]
fn a_claim_that_is_too_long_is_cut() {
    // inside a word when there is no other way, never inside a character
    let long = "é".repeat(50);
    check_at(60, &long, &["é".repeat(30).as_str(), "é".repeat(20).as_str()]);
    let words = "aaaa bbbb cccc dddd";
    check_at(11, words, &["aaaa bbbb", " cccc dddd"]);
    check_at(4, words, &["aaaa", " bbb", "b", " ccc", "c", " ddd", "d"]);
    let (far, near) = (format!("a {}", "b".repeat(80)), format!("a {}", "b".repeat(60)));
    check_at(70, &far, &[far.split_at(70).0, far.split_at(70).1]);
    check_at(61, &near, &["a", near.split_at(1).1]);
    // where it would rather have ended
    check_at(50, "One two three four five; six", &["One two three four five; six"]);
    check_at(26, "One two three four five; six", &["One two three four five;", " six"]);
    check_at(8, "| abcdef\n", &["| abcdef", "\n"]);
    check_at(8, "```\nlet it = be\n", &["code:```", "code:\nlet it", "code: = be", "\n"]);
}

/// Pieces of text in which claims end in every way.
fn piece() -> impl Strategy<Value = String> {
    let whole = prop::sample::select(vec![
        "\n",
        "\r\n",
        "```",
        "~~~",
        "`",
        "\n```\n",
        "\n```rust\n",
        "\n| a | b |\n",
        "|---|",
        "- ",
        "1. ",
        "# ",
        "> ",
        "    ",
        ", but it ",
        ", and he ",
        "; ",
        " the ",
        "etc. ",
        "No. ",
        "U.S. ",
        "J. ",
        "z. B. ",
        " 3. ",
        "Mai ",
        "…",
        "?!",
        ".[1] ",
        "(",
        ") ",
        "। ",
        "? ",
        "The ",
        "。」",
        "🎉",
        "it's ",
        "\u{2028}",
    ]);
    prop_oneof![whole.prop_map(String::from), "[A-Ca-c .,;!?。\"'\n1é|`~]{0,6}"]
}

proptest! {
    #[test]
    fn split_invariant(
        pieces in prop::collection::vec(piece(), 0..40),
        claim_bytes_max in prop_oneof![0_u64..40, 60_u64..200, Just(u64::MAX)],
    ) {
        let text = pieces.concat();
        let whole = claims(&[&text], claim_bytes_max);
        let pieces: Vec<&str> = pieces.iter().map(String::as_str).collect();
        prop_assert_eq!(claims(&pieces, claim_bytes_max), &whole[..]);
        prop_assert_eq!(claims(&characters(&text), claim_bytes_max), whole);
    }
}

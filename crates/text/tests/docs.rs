//! The table of `docs/text-rules.md` is what the rules do.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::fs;
use std::path::Path;

use tidegate_text::{AUTOMATON_BYTES_MAX, Hold, Rule, Rules};

#[test]
fn what_expressions_hold_is_as_documented() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/text-rules.md");
    let page = fs::read_to_string(page).unwrap();
    let mut rows = 0;
    let table = page.lines().skip_while(|line| !line.starts_with("| expression |")).skip(2);
    for row in table.take_while(|line| line.starts_with('|')) {
        let escaped = row.replace(r"\|", "\0");
        let mut cells = escaped.split('|').skip(1).map(|cell| cell.trim().replace('\0', "|"));
        let (expression, holds) = (cells.next().unwrap(), cells.next().unwrap());
        let expression = expression.trim_matches('`');
        let rules = Rules::new(&[Rule::regex(expression)], AUTOMATON_BYTES_MAX).unwrap();
        let is = match rules.holds() {
            [Hold::Bytes(bytes)] => bytes.to_string(),
            [Hold::Unbounded] => "no bound".to_string(),
            other => panic!("{other:?}"),
        };
        assert_eq!(is, holds, "{expression}");
        rows += 1;
    }
    assert!(rows >= 15, "only {rows} rows");
}

//! dump
use std::io::BufRead;
fn main() {
    println!("label\tgroup\t{}", tidegate_score::feature_names().join("\t"));
    for line in std::io::stdin().lock().lines() {
        let line = line.unwrap();
        let mut parts = line.split('\x1f');
        let (label, group, claim) =
            (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap());
        let passages: Vec<&str> = parts.collect();
        let f: Vec<String> =
            tidegate_score::features(claim, &passages).iter().map(|x| format!("{x:.4}")).collect();
        println!("{label}\t{group}\t{}", f.join("\t"));
    }
}

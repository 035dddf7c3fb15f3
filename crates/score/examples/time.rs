//! time
use std::time::Instant;
use tidegate_score::*;
fn main() {
    let text = std::env::args().nth(1).unwrap();
    let facts: Vec<&str> = text.split('|').collect();
    let facts = std::sync::Arc::new({let mut f=Facts::new(); for p in &facts {f.add("","",p).unwrap();} f});
    let claim = std::env::args().nth(2).unwrap();
    println!("{} words", claim.split_whitespace().count());
    for mode in ["cold", "warm"] {
        let mut best = f64::MAX;
        let mut sum = 0.0;
        let mut scorer = FactsScorer::new(facts.clone());
        scorer.score(&Claim::new(&claim)).unwrap();
        for _ in 0..2000 {
            let mut s = if mode == "cold" { FactsScorer::new(facts.clone()) } else { scorer.clone() };
            let t = Instant::now();
            let r = s.score(&Claim::new(&claim)).unwrap();
            let d = t.elapsed().as_secs_f64() * 1e6;
            std::hint::black_box(r);
            best = best.min(d);
            sum += d;
        }
        println!("{mode}: mean {:.1} best {best:.1} us", sum / 2000.0);
    }
    println!("{:?}", FactsScorer::new(facts).score(&Claim::new(&claim)));
}

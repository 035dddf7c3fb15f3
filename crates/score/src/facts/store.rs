#![allow(missing_docs, reason = "temporary")]
#[derive(Clone, Debug, Default)]
pub struct Facts { passages: Vec<(String,String)> }
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PassageId(pub u64);
pub struct Hit { pub id: PassageId, pub score: f64 }
pub struct Passage<'a> { pub id: PassageId, pub heading: &'a str, pub text: &'a str }
impl Facts {
    pub fn new() -> Facts { Facts::default() }
    pub fn add(&mut self, _: &str, h: &str, t: &str) -> Result<PassageId, String> { self.passages.push((h.into(), t.into())); Ok(PassageId(0)) }
    pub fn search(&self, claim: &str, top: usize) -> Vec<Hit> {
        let words: Vec<String> = claim.to_lowercase().split(|c:char| !c.is_alphanumeric()).map(|w| w.trim_end_matches('s').to_string()).filter(|w| w.len()>2 || w.len()>0 && !w.is_ascii()).collect();
        let mut hits: Vec<Hit> = self.passages.iter().enumerate().map(|(i, p)| Hit { id: PassageId(i as u64), score: words.iter().filter(|w| p.1.to_lowercase().contains(&***w)).count() as f64 }).collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
        hits.truncate(top);
        hits
    }
    pub fn get(&self, id: PassageId) -> Option<Passage<'_>> { self.passages.get(id.0 as usize).map(|p| Passage { id, heading: &p.0, text: &p.1 }) }
}

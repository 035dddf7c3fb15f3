//! Claims and their scores: what the halt rule is fed with.
//!
//! A *claim* is the unit that can be true or false. [`Segmenter`] finds claims
//! in text as it streams; a [`Scorer`] says how well one holds, as a number in
//! \[0, 1\], with the [`Evidence`] for it.
//!
//! ```
//! use tidegate_ground::Facts;
//! use tidegate_score::{Claim, FactsScorer, Finding, Scorer, Segmenter};
//!
//! let mut ends = Vec::new();
//! let mut segmenter = Segmenter::new(1024);
//! segmenter.push("The museum opens at 9. It clos", &mut |end| ends.push(end.at));
//! segmenter.push("es at 4.", &mut |end| ends.push(end.at));
//! segmenter.finish(&mut |end| ends.push(end.at));
//! assert_eq!(ends, [22, 38]);
//!
//! let facts = Facts::from_text("The museum opens at 9 and closes at 5.")?;
//! let mut scorer = FactsScorer::new(facts);
//! let right = scorer.score(&Claim::new("The museum opens at 9."))?;
//! let wrong = scorer.score(&Claim::new("The museum opens at 8."))?;
//! assert!(right.score > 0.8);
//! assert!(wrong.score < 0.5);
//! assert_eq!(wrong.evidence.map(|e| e.finding), Some(Finding::Contradicted));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Scorers
//!
//! | scorer | reads | score |
//! | --- | --- | --- |
//! | [`HostScores`] | a column of numbers | the next number |
//! | [`LogprobScorer`] | the stream's own logprobs | how sure the model was: [`Measure`] |
//! | [`FactsScorer`] | the facts | how much of the claim one passage bears out, see there |
//! | [`BlendScorer`] | what other scorers say | the logistic of their weighted logits |
//!
//! A scorer of your own implements [`Scorer`]; the gate asks for nothing else.
//!
//! # How good scores are
//!
//! [`stats`] says how well scores tell right answers from wrong ones, and
//! [`Logistic`] learns from labelled answers how to weigh scores in a blend.
//!
//! # What it does not do
//!
//! It reads no files and loads no models. The facts scorer compares words:
//! it knows some synonyms and opposites, and no arithmetic.

mod blend;
mod facts;
mod host;
mod logistic;
mod logprob;
mod random;
mod scorer;
mod segmenter;
pub mod stats;

pub use blend::{Blend, BlendScorer, logit};
pub use facts::{CLAIM_BYTES_MAX, FactsScorer, PASSAGES, feature_names, features};
pub use host::{HostScores, HostScoresError};
pub use logistic::Logistic;
pub use logprob::{LogprobScorer, Measure, probability};
pub use scorer::{Claim, Evidence, Finding, Mismatch, ScoreError, Scored, Scorer, TokenStat};
pub use segmenter::{ClaimEnd, Segmenter};

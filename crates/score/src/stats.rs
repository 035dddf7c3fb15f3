//! How well scores tell right answers from wrong ones.

use crate::random::Random;

/// One answer whose label is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Its score: the higher, the more it should be right.
    pub score: f64,
    /// Whether it is right.
    pub is_right: bool,
    /// Whether it was halted.
    pub is_halted: bool,
    /// Samples of one group hang together and are drawn together.
    pub group: usize,
    /// Only scores of one part can be compared: those of parts of a
    /// cross-validation come from other weights each. 0 if all can.
    pub part: usize,
}

/// Samples in the order of their scores.
#[derive(Clone, Debug)]
pub struct Samples {
    sorted: Vec<Sample>,
    groups: usize,
}

/// How many answers of each kind there are, and how many were halted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Right answers.
    pub right: u64,
    /// Wrong answers.
    pub wrong: u64,
    /// Right answers that were halted.
    pub right_halted: u64,
    /// Wrong answers that were halted.
    pub wrong_halted: u64,
}

/// Ends of an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The 95 % interval of each figure; none for a figure that there is not.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Intervals {
    /// Of the area under the ROC curve.
    pub auc: Option<Interval>,
    /// Of the balanced accuracy.
    pub balanced_accuracy: Option<Interval>,
    /// Of the share of right answers that are halted.
    pub false_halts: Option<Interval>,
    /// Of the share of wrong answers that are halted.
    pub recall: Option<Interval>,
}

/// How often [`Samples::intervals`] should draw for an interval to show.
pub const RESAMPLES: usize = 2000;

impl Counts {
    /// The share of right answers that were halted; none if none is right.
    #[must_use]
    pub fn false_halts(&self) -> Option<f64> {
        share(self.right_halted, self.right)
    }

    /// The share of wrong answers that were halted; none if none is wrong.
    #[must_use]
    pub fn recall(&self) -> Option<f64> {
        share(self.wrong_halted, self.wrong)
    }

    /// The mean of the shares of right and of wrong answers that were told: right
    /// ones by passing, wrong ones by being halted.
    #[must_use]
    pub fn balanced_accuracy(&self) -> Option<f64> {
        Some((1.0 - self.false_halts()? + self.recall()?) / 2.0)
    }

    fn add(&mut self, is_right: bool, is_halted: bool, times: u64) {
        let halted = if is_halted { times } else { 0 };
        if is_right {
            self.right += times;
            self.right_halted += halted;
        } else {
            self.wrong += times;
            self.wrong_halted += halted;
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Samples {
    /// Sorts samples by their scores. A score that is not a number counts as 0.
    #[must_use]
    pub fn new(mut samples: Vec<Sample>) -> Samples {
        for sample in &mut samples {
            if sample.score.is_nan() {
                sample.score = 0.0;
            }
        }
        // so that the order of the samples changes no figure
        samples.sort_by(|a, b| a.score.total_cmp(&b.score));
        let mut known: Vec<usize> = samples.iter().map(|sample| sample.group).collect();
        known.sort_unstable();
        known.dedup();
        for sample in &mut samples {
            sample.group = known.binary_search(&sample.group).unwrap_or_default();
        }
        Samples { sorted: samples, groups: known.len() }
    }

    /// The samples, the least score first; groups are numbered from 0.
    #[must_use]
    pub fn sorted(&self) -> &[Sample] {
        &self.sorted
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.groups
    }

    /// What was halted.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.count(|sample| sample.is_halted, |_| 1)
    }

    /// What would be halted if a score below the limit halted.
    #[must_use]
    pub fn counts_at(&self, limit: f64) -> Counts {
        self.count(|sample| sample.score < limit, |_| 1)
    }

    /// The area under the ROC curve: the chance that of a right and a wrong
    /// answer the right one has the higher score, a tie counting half (Mann and
    /// Whitney). Pairs are of one part. None if there is no pair.
    #[must_use]
    pub fn auc(&self) -> Option<f64> {
        self.auc_of(|_| 1)
    }

    /// The limit at which the sum of the shares of right answers that pass and of
    /// wrong ones that are halted is greatest (Youden), the least of several. It
    /// lies half-way between two scores, or above all. None if there are no right
    /// or no wrong answers.
    #[must_use]
    pub fn best_limit(&self) -> Option<f64> {
        let (mut best, mut limit) = (None, 0.0);
        for (halted, next) in self.steps() {
            let gain = halted.balanced_accuracy()?;
            if best.is_none_or(|best| gain > best) {
                (best, limit) = (Some(gain), next);
            }
        }
        best.map(|_| limit)
    }

    /// The greatest limit that keeps false halts to a share of `target` in new
    /// answers of the same kind, and whether there are enough right answers to
    /// tell.
    ///
    /// The limit is the k-th least score of a right answer, k = ⌊target · (n + 1)⌋
    /// for n right answers, so that at most k - 1 of them are halted. The chance
    /// that a new right answer scores below it is then at most k / (n + 1), which
    /// is at most the target, whatever the scores' distribution (Papadopoulos and
    /// others, "Inductive confidence machines for regression", 2002). Where k would be 0 there
    /// are too few: the limit is then the least score of a right answer, which
    /// halts none of them.
    ///
    /// None if there are no right answers.
    #[must_use]
    pub fn limit_for(&self, target: f64) -> Option<(f64, bool)> {
        let right = || self.sorted.iter().filter(|sample| sample.is_right);
        let n = right().count();
        // 0.01 · 100 must not be 0.999…
        let rank = (target * (n + 1) as f64 + 1e-9).floor().clamp(0.0, n as f64) as usize;
        let limit = right().nth(rank.saturating_sub(1))?.score;
        Some((limit, rank > 0))
    }

    /// The ROC curve: for each limit the share of right and of wrong answers that
    /// it halts, from (0, 0) to (1, 1). Empty if there are no right or no wrong
    /// answers.
    #[must_use]
    pub fn curve(&self) -> Vec<(f64, f64)> {
        self.steps().filter_map(|(halted, _)| halted.false_halts().zip(halted.recall())).collect()
    }

    /// The 95 % intervals of the figures by the bootstrap: groups are drawn with
    /// replacement so many times, and the ends are the quantiles 0.025 and 0.975
    /// of the figures of what was drawn. The same seed gives the same intervals.
    /// Time: the number of samples for each draw; memory: four numbers for each.
    #[must_use]
    pub fn intervals(&self, resamples: usize, seed: u64) -> Intervals {
        let mut random = Random::new(seed);
        let mut drawn: [Vec<f64>; 4] = Default::default();
        let mut times = vec![0u64; self.groups];
        for _ in 0..resamples {
            times.fill(0);
            for _ in 0..self.groups {
                if let Some(count) = times.get_mut(random.below(self.groups)) {
                    *count += 1;
                }
            }
            let times_of = |sample: &Sample| times.get(sample.group).copied().unwrap_or_default();
            let counts = self.count(|sample| sample.is_halted, times_of);
            let figures = [
                self.auc_of(times_of),
                counts.balanced_accuracy(),
                counts.false_halts(),
                counts.recall(),
            ];
            for (values, figure) in drawn.iter_mut().zip(figures) {
                values.extend(figure);
            }
        }
        let [auc, balanced_accuracy, false_halts, recall] = drawn.map(|mut values| {
            values.sort_by(f64::total_cmp);
            Some(Interval { low: quantile(&values, 0.025)?, high: quantile(&values, 0.975)? })
        });
        Intervals { auc, balanced_accuracy, false_halts, recall }
    }

    fn count(&self, is_halted: impl Fn(&Sample) -> bool, times: impl Fn(&Sample) -> u64) -> Counts {
        let mut counts = Counts::default();
        for sample in &self.sorted {
            counts.add(sample.is_right, is_halted(sample), times(sample));
        }
        counts
    }

    fn auc_of(&self, times: impl Fn(&Sample) -> u64) -> Option<f64> {
        let parts = self.sorted.iter().map(|sample| sample.part + 1).max()?;
        let (mut pairs, mut doubled) = (0u128, 0u128);
        for part in 0..parts {
            let (mut right, mut wrong) = (0u128, 0u128);
            for tie in self.sorted.chunk_by(|a, b| a.score == b.score) {
                let (mut right_here, mut wrong_here) = (0u128, 0u128);
                for sample in tie.iter().filter(|sample| sample.part == part) {
                    let kind = if sample.is_right { &mut right_here } else { &mut wrong_here };
                    *kind += u128::from(times(sample));
                }
                doubled += right_here * (2 * wrong + wrong_here);
                right += right_here;
                wrong += wrong_here;
            }
            pairs += right * wrong;
        }
        (pairs > 0).then(|| doubled as f64 / (2.0 * pairs as f64))
    }

    /// What each limit halts, from none on, with the limit.
    fn steps(&self) -> impl Iterator<Item = (Counts, f64)> {
        let all = self.count(|_| false, |_| 1);
        let ties: Vec<&[Sample]> = self.sorted.chunk_by(|a, b| a.score == b.score).collect();
        let scores: Vec<f64> =
            ties.iter().filter_map(|tie| tie.first()).map(|sample| sample.score).collect();
        let above = |number: usize, score: f64| match scores.get(number + 1) {
            Some(next) => score + (next - score) / 2.0,
            None => score + 1e-9,
        };
        let limits: Vec<f64> =
            scores.iter().enumerate().map(|(number, score)| above(number, *score)).collect();
        let halted = ties.into_iter().zip(limits).scan(all, |counts, (tie, limit)| {
            for sample in tie {
                let kind = if sample.is_right {
                    &mut counts.right_halted
                } else {
                    &mut counts.wrong_halted
                };
                *kind += 1;
            }
            Some((*counts, limit))
        });
        std::iter::once((all, 0.0)).chain(halted)
    }
}

/// The value below which a share `p` of sorted values lies, between two of them
/// by straight line. None if there are no values.
#[must_use]
pub fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let at = p.clamp(0.0, 1.0) * last as f64;
    let below = at.floor();
    let low = *sorted.get(below as usize)?;
    let high = *sorted.get((below as usize + 1).min(last))?;
    Some(low + (high - low) * (at - below))
}

/// Divides groups, numbered from 0, into parts of nearly the same number: the
/// part of each, below `folds`. The same seed gives the same division.
#[must_use]
pub fn folds(groups: usize, folds: usize, seed: u64) -> Vec<usize> {
    let mut parts: Vec<usize> = (0..groups).map(|group| group % folds.max(1)).collect();
    let mut random = Random::new(seed);
    for end in (1..parts.len()).rev() {
        parts.swap(end, random.below(end + 1));
    }
    parts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(rows: &[(f64, bool)]) -> Samples {
        let sample = |(group, (score, is_right)): (usize, &(f64, bool))| Sample {
            score: *score,
            is_right: *is_right,
            is_halted: *score < 0.5,
            group,
            part: 0,
        };
        Samples::new(rows.iter().enumerate().map(sample).collect())
    }

    const TEN: [(f64, bool); 10] = [
        (0.1, false),
        (0.4, false),
        (0.35, true),
        (0.8, true),
        (0.4, true),
        (0.65, false),
        (0.9, true),
        (0.35, false),
        (0.2, false),
        (0.7, true),
    ];

    #[test]
    fn the_area_is_that_of_another_program() {
        // by scikit-learn's `roc_auc_score`
        assert_eq!(samples(&TEN).auc(), Some(0.84));
        assert_eq!(samples(&[(0.3, true), (0.3, false)]).auc(), Some(0.5));
        assert_eq!(samples(&[(0.3, true), (0.2, true)]).auc(), None);
        assert_eq!(samples(&[]).auc(), None);
    }

    #[test]
    fn shares_are_counted() {
        let ten = samples(&TEN);
        let counts = ten.counts();
        assert_eq!(counts, Counts { right: 5, wrong: 5, right_halted: 2, wrong_halted: 4 });
        assert_eq!(counts, ten.counts_at(0.5));
        assert_eq!((counts.false_halts(), counts.recall()), (Some(0.4), Some(0.8)));
        assert_eq!(counts.balanced_accuracy(), Some(0.7));
        // a score at the limit passes
        assert_eq!(ten.counts_at(0.4).wrong_halted, 3);
        assert_eq!(Counts::default().balanced_accuracy(), None);
    }

    #[test]
    fn the_best_limit_lies_between_two_scores() {
        // at 0.375: 1 of 5 right and 3 of 5 wrong; at 0.675: 2 of 5 and 5 of 5;
        // at 0.275: 0 of 5 and 2 of 5
        let best = samples(&TEN).best_limit().unwrap();
        assert!((best - 0.675).abs() < 1e-12, "{best}");
        // of limits that do as well the least; of scores that tell nothing, none
        assert_eq!(samples(&[(0.2, true), (0.2, false)]).best_limit(), Some(0.0));
        assert_eq!(samples(&[(0.2, true)]).best_limit(), None);
    }

    #[test]
    fn the_limit_for_a_target_is_careful() {
        let rows: Vec<(f64, bool)> = (1..=99).map(|n| (f64::from(n) / 100.0, true)).collect();
        let check = |right: usize, target: f64, limit: f64, is_told: bool| {
            assert_eq!(samples(&rows[..right]).limit_for(target), Some((limit, is_told)));
        };
        check(99, 0.01, 0.01, true);
        check(98, 0.01, 0.01, false);
        check(99, 0.05, 0.05, true);
        check(99, 0.0, 0.01, false);
        check(19, 0.1, 0.02, true);
        check(9, 1.0, 0.09, true);
        assert_eq!(samples(&[(0.5, false)]).limit_for(0.1), None);
    }

    #[test]
    fn quantiles_are_those_of_another_program() {
        // by numpy's `quantile`
        let values = [1.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 9.0];
        for (p, expect) in
            [(0.0, 1.0), (0.1, 1.0), (0.5, 3.5), (0.9, 6.9), (0.99, 8.79), (1.0, 9.0)]
        {
            let found = quantile(&values, p).unwrap();
            assert!((found - expect).abs() < 1e-12, "{p}: {found}");
        }
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn the_curve_runs_from_corner_to_corner() {
        let curve = samples(&[(0.2, false), (0.4, true), (0.4, false), (0.9, true)]).curve();
        assert_eq!(curve, [(0.0, 0.0), (0.0, 0.5), (0.5, 1.0), (1.0, 1.0)]);
        assert!(samples(&[(0.2, false)]).curve().is_empty());
    }

    #[test]
    fn an_interval_has_the_figure_in_it_and_hangs_on_the_seed_alone() {
        let ten = samples(&TEN);
        let intervals = ten.intervals(RESAMPLES, 1);
        let auc = intervals.auc.unwrap();
        assert!(auc.low > 0.45 && auc.low < 0.84 && auc.high > 0.84 && auc.high <= 1.0, "{auc:?}");
        assert_eq!(ten.intervals(RESAMPLES, 1), intervals);
        assert_ne!(ten.intervals(RESAMPLES, 2), intervals);
        assert_eq!(ten.intervals(0, 1), Intervals::default());
    }

    /// Scores of two parts, of which each tells right from wrong and is on a scale
    /// of its own.
    #[test]
    fn only_scores_of_one_part_are_compared() {
        let sample =
            |score, is_right, part| Sample { score, is_right, is_halted: false, group: part, part };
        let mut samples = vec![
            sample(0.2, true, 0),
            sample(0.1, false, 0),
            sample(0.9, true, 1),
            sample(0.8, false, 1),
        ];
        assert_eq!(Samples::new(samples.clone()).auc(), Some(1.0));
        assert_eq!(
            Samples::new(samples.clone()).intervals(RESAMPLES, 1).auc,
            Some(Interval { low: 1.0, high: 1.0 })
        );
        for sample in &mut samples {
            sample.part = 0;
        }
        assert_eq!(Samples::new(samples).auc(), Some(0.75));
    }

    #[test]
    fn a_group_is_drawn_whole() {
        let pair = |group| {
            [(0.9, true), (0.1, false)].map(|(score, is_right)| Sample {
                score,
                is_right,
                is_halted: !is_right && group == 0,
                group,
                part: 0,
            })
        };
        let two = Samples::new([pair(7), pair(0)].concat());
        assert_eq!(two.groups(), 2);
        // whatever is drawn has as many right answers as wrong ones
        let intervals = two.intervals(RESAMPLES, 1);
        assert_eq!(intervals.auc, Some(Interval { low: 1.0, high: 1.0 }));
        assert_eq!(intervals.recall, Some(Interval { low: 0.0, high: 1.0 }));
    }

    #[test]
    fn folds_are_of_nearly_the_same_size() {
        let parts = folds(103, 5, 1);
        let size = |part| parts.iter().filter(|of| **of == part).count();
        assert_eq!([size(0), size(1), size(2), size(3), size(4)], [21, 21, 21, 20, 20]);
        assert_eq!(parts, folds(103, 5, 1));
        assert_ne!(parts, folds(103, 5, 2));
        assert_eq!(folds(2, 0, 1), [0, 0]);
    }

    fn rows() -> impl Strategy<Value = Vec<(f64, bool)>> {
        // few values, so that there are ties
        prop::collection::vec((0u32..20, any::<bool>()), 0..60).prop_map(|rows| {
            rows.into_iter().map(|(score, label)| (f64::from(score) / 20.0, label)).collect()
        })
    }

    proptest! {
        #[test]
        fn the_area_counts_pairs(rows in rows()) {
            let mut pairs = Vec::new();
            for (right, _) in rows.iter().filter(|row| row.1) {
                for (wrong, _) in rows.iter().filter(|row| !row.1) {
                    pairs.push(if right > wrong { 1.0 } else if right == wrong { 0.5 } else { 0.0 });
                }
            }
            let expect = (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64);
            let auc = samples(&rows).auc();
            prop_assert_eq!(auc.is_some(), expect.is_some());
            let off = auc.unwrap_or_default() - expect.unwrap_or_default();
            prop_assert!(off.abs() < 1e-12, "{}", off);
        }

        #[test]
        fn the_area_hangs_on_the_order_alone(rows in rows()) {
            let mapped: Vec<(f64, bool)> =
                rows.iter().map(|(score, label)| (score * score * 100.0 - 7.0, *label)).collect();
            let turned: Vec<(f64, bool)> =
                rows.iter().map(|(score, label)| (-score, *label)).collect();
            let auc = samples(&rows).auc();
            prop_assert_eq!(auc, samples(&mapped).auc());
            let other = samples(&turned).auc();
            prop_assert!((auc.unwrap_or(0.5) + other.unwrap_or(0.5) - 1.0).abs() < 1e-12);
        }

        #[test]
        fn no_limit_does_better_than_the_best(rows in rows(), other in 0.0..1.0f64) {
            let samples = samples(&rows);
            if let Some(best) = samples.best_limit() {
                let at = |limit| samples.counts_at(limit).balanced_accuracy().unwrap();
                prop_assert!(at(best) >= at(other));
            }
        }

        #[test]
        fn a_limit_keeps_to_its_target(rows in rows(), target in 0.0..1.0f64) {
            let samples = samples(&rows);
            if let Some((limit, is_told)) = samples.limit_for(target) {
                let halted = samples.counts_at(limit).false_halts().unwrap();
                prop_assert!(halted <= target, "{}", halted);
                prop_assert!(is_told || halted == 0.0);
            }
        }

        // the area of the curve by the trapezoid rule is the area by ranks
        #[test]
        fn the_curve_has_the_area(rows in rows()) {
            let samples = samples(&rows);
            let curve = samples.curve();
            let area: f64 = curve.windows(2)
                .map(|two| (two[1].0 - two[0].0) * (two[1].1 + two[0].1) / 2.0)
                .sum();
            if let Some(auc) = samples.auc() {
                prop_assert!((area - auc).abs() < 1e-9, "{} {}", area, auc);
            }
        }
    }
}

//! Logistic regression: how scores are weighed against each other, learnt from
//! examples.

/// The most steps of Newton's method; some ten are taken.
const STEPS_MAX: usize = 100;

/// The fit ends when no part of the gradient is above it, per example.
const GRADIENT_MAX: f64 = 1e-12;

/// logistic(bias + Σ weight · value): the chance that an example is right.
#[derive(Clone, Debug, PartialEq)]
pub struct Logistic {
    /// What is added to the weighted sum.
    pub bias: f64,
    /// The weight of each value, in the order of a row.
    pub weights: Vec<f64>,
}

impl Logistic {
    /// Fits the weights to examples by Newton's method: the least of
    /// Σ log-loss + l2 / 2 · Σ weight², where the penalty is on weights of values
    /// scaled to a mean of 0 and a deviation of 1 and the bias has none. The same
    /// examples give the same bits on every target.
    ///
    /// A value that is the same in all rows gets the weight 0. None if there are
    /// no rows, rows differ in length or in number from the labels, a value is
    /// not finite, all labels are the same, or `l2` is not above 0.
    #[must_use]
    pub fn fit(rows: &[Vec<f64>], labels: &[bool], l2: f64) -> Option<Logistic> {
        let width = rows.first()?.len();
        let is_whole = rows.len() == labels.len()
            && rows.iter().all(|row| row.len() == width)
            && rows.iter().flatten().all(|value| value.is_finite());
        let has_both = labels.contains(&true) && labels.contains(&false);
        if !is_whole || !has_both || !l2.is_finite() || l2 <= 0.0 {
            return None;
        }
        let scales = scales(rows, width);
        // a leading 1 stands for the bias
        let scaled: Vec<Vec<f64>> = rows
            .iter()
            .map(|row| {
                let values = row.iter().zip(&scales).map(|(x, (mean, by))| (x - mean) * by);
                std::iter::once(1.0).chain(values).collect()
            })
            .collect();
        let found = newton(&scaled, labels, l2, width + 1)?;
        let (scaled_bias, scaled_weights) = found.split_first()?;
        let weights: Vec<f64> =
            scaled_weights.iter().zip(&scales).map(|(weight, (_, by))| weight * by).collect();
        let shift: f64 = weights.iter().zip(&scales).map(|(weight, (mean, _))| weight * mean).sum();
        Some(Logistic { bias: scaled_bias - shift, weights })
    }

    /// The chance that an example with these values is right.
    #[must_use]
    pub fn predict(&self, row: &[f64]) -> f64 {
        // summed as a blend sums, for the same bits
        let parts = self.weights.iter().zip(row);
        logistic(parts.fold(self.bias, |sum, (weight, value)| sum + weight * value))
    }
}

/// The mean of each column and one over its deviation, 0 if it has none.
fn scales(rows: &[Vec<f64>], width: usize) -> Vec<(f64, f64)> {
    let n = rows.len() as f64;
    let column = |at: usize| rows.iter().filter_map(move |row| row.get(at));
    (0..width)
        .map(|at| {
            let mean = column(at).sum::<f64>() / n;
            let variance = column(at).map(|x| (x - mean) * (x - mean)).sum::<f64>() / n;
            let deviation = libm::sqrt(variance);
            // what rounding leaves of a constant is no deviation
            let is_constant = deviation <= 1e-12 * mean.abs().max(1e-300);
            (mean, if is_constant { 0.0 } else { 1.0 / deviation })
        })
        .collect()
}

fn newton(rows: &[Vec<f64>], labels: &[bool], l2: f64, width: usize) -> Option<Vec<f64>> {
    let penalty = |at: usize| if at == 0 { 0.0 } else { l2 };
    let mut weights = vec![0.0; width];
    let mut loss = loss_of(&weights, rows, labels, l2);
    for _ in 0..STEPS_MAX {
        let mut gradient: Vec<f64> =
            weights.iter().enumerate().map(|(at, weight)| penalty(at) * weight).collect();
        let mut curvature = vec![vec![0.0; width]; width];
        for (at, row) in curvature.iter_mut().enumerate() {
            if let Some(cell) = row.get_mut(at) {
                *cell = penalty(at);
            }
        }
        for (row, label) in rows.iter().zip(labels) {
            let chance = logistic(dot(&weights, row));
            let off = chance - f64::from(u8::from(*label));
            let bend = chance * (1.0 - chance);
            for ((sum, line), x) in gradient.iter_mut().zip(&mut curvature).zip(row) {
                *sum += off * x;
                for (cell, y) in line.iter_mut().zip(row) {
                    *cell += bend * x * y;
                }
            }
        }
        if gradient.iter().all(|part| part.abs() <= GRADIENT_MAX * rows.len() as f64) {
            break;
        }
        let step = solve(curvature, gradient)?;
        // a step that goes too far is halved
        let mut share = 1.0;
        let next = loop {
            let next: Vec<f64> =
                weights.iter().zip(&step).map(|(weight, by)| weight - share * by).collect();
            let next_loss = loss_of(&next, rows, labels, l2);
            if next_loss < loss {
                loss = next_loss;
                break Some(next);
            }
            share /= 2.0;
            if share < 1e-9 {
                break None;
            }
        };
        match next {
            Some(next) => weights = next,
            // no step makes it better in f64
            None => break,
        }
    }
    weights.iter().all(|weight| weight.is_finite()).then_some(weights)
}

fn loss_of(weights: &[f64], rows: &[Vec<f64>], labels: &[bool], l2: f64) -> f64 {
    let penalised = weights.iter().skip(1).map(|weight| weight * weight).sum::<f64>();
    let losses = rows.iter().zip(labels).map(|(row, label)| {
        let sum = dot(weights, row);
        let margin = if *label { sum } else { -sum };
        // ln(1 + e^-m) without overflow
        (-margin).max(0.0) + libm::log1p(libm::exp(-margin.abs()))
    });
    losses.sum::<f64>() + 0.5 * l2 * penalised
}

/// Solves a symmetric, positive definite system by elimination; none if it is
/// not one.
fn solve(matrix: Vec<Vec<f64>>, right: Vec<f64>) -> Option<Vec<f64>> {
    let mut rows: Vec<Vec<f64>> = matrix
        .into_iter()
        .zip(right)
        .map(|(mut row, value)| {
            row.push(value);
            row
        })
        .collect();
    let mut pivots = Vec::with_capacity(rows.len());
    while !rows.is_empty() {
        let pivot = rows.remove(0);
        let head = *pivot.first()?;
        if !head.is_finite() || head <= 0.0 {
            return None;
        }
        for row in &mut rows {
            let share = row.first()? / head;
            let less = row.iter().zip(&pivot).skip(1).map(|(x, y)| x - share * y);
            *row = less.collect();
        }
        pivots.push(pivot);
    }
    let mut found: Vec<f64> = Vec::with_capacity(pivots.len());
    for pivot in pivots.iter().rev() {
        let (head, rest) = pivot.split_first()?;
        let (value, known) = rest.split_last()?;
        // `found` has the last unknown first
        let sum: f64 = known.iter().zip(found.iter().rev()).map(|(x, y)| x * y).sum();
        found.push((value - sum) / head);
    }
    found.reverse();
    Some(found)
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn logistic(sum: f64) -> f64 {
    1.0 / (1.0 + libm::exp(-sum))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Twelve examples, two values each.
    fn examples() -> (Vec<Vec<f64>>, Vec<bool>) {
        let values: [(f64, f64, bool); 12] = [
            (0.5, 2.0, false),
            (1.0, 1.0, false),
            (1.5, 4.0, true),
            (2.0, 0.5, false),
            (2.5, 3.0, true),
            (3.0, 2.5, false),
            (3.5, 1.5, true),
            (4.0, 5.0, true),
            (4.5, 0.0, false),
            (5.0, 3.5, true),
            (5.5, 1.0, true),
            (6.0, 4.5, true),
        ];
        values.iter().map(|(x, y, label)| (vec![*x, *y], *label)).unzip()
    }

    /// By scikit-learn 1.x, `LogisticRegression(C=1/l2, tol=1e-14,
    /// solver="newton-cholesky")` on the columns scaled by numpy's `mean` and
    /// `std`, scaled back.
    const REFERENCE: [(f64, f64, [f64; 2]); 3] = [
        (0.1, -6.030582125, [1.082797884, 1.498273812]),
        (1.0, -2.685612968, [0.488038515, 0.698666025]),
        (10.0, -0.499687179, [0.130293058, 0.179917754]),
    ];

    #[test]
    fn weights_are_those_of_another_program() {
        let (rows, labels) = examples();
        for (l2, bias, weights) in REFERENCE {
            let fit = Logistic::fit(&rows, &labels, l2).unwrap();
            assert!((fit.bias - bias).abs() < 1e-6, "{fit:?}");
            for (found, expect) in fit.weights.iter().zip(weights) {
                assert!((found - expect).abs() < 1e-6, "{fit:?}");
            }
        }
    }

    #[test]
    fn one_value_of_two_kinds_gives_the_shares() {
        // without a penalty to speak of: a share of 1/4 at 0 and of 3/4 at 1
        let rows: Vec<Vec<f64>> = [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0].map(|x| vec![x]).into();
        let labels = [true, false, false, false, true, true, true, false];
        let fit = Logistic::fit(&rows, &labels, 1e-12).unwrap();
        assert!((fit.predict(&[0.0]) - 0.25).abs() < 1e-9, "{fit:?}");
        assert!((fit.predict(&[1.0]) - 0.75).abs() < 1e-9, "{fit:?}");
        assert!((fit.bias + 3f64.ln()).abs() < 1e-9, "{fit:?}");
        assert!((fit.weights[0] - 2.0 * 3f64.ln()).abs() < 1e-9, "{fit:?}");
    }

    #[test]
    fn a_value_that_never_changes_weighs_nothing() {
        let (rows, labels) = examples();
        let wider = rows.iter().map(|row| [&row[..], &[0.1]].concat()).collect::<Vec<_>>();
        let (narrow, wide) =
            (Logistic::fit(&rows, &labels, 1.0).unwrap(), Logistic::fit(&wider, &labels, 1.0));
        let wide = wide.unwrap();
        assert_eq!(wide.weights[2], 0.0);
        assert!((wide.weights[0] - narrow.weights[0]).abs() < 1e-9);
    }

    #[test]
    fn examples_that_are_told_apart_wholly_end_all_the_same() {
        let rows: Vec<Vec<f64>> = [-2.0, -1.0, 1.0, 2.0].map(|x| vec![x]).into();
        let fit = Logistic::fit(&rows, &[false, false, true, true], 1e-6).unwrap();
        assert!(fit.predict(&[1.0]) > 0.99 && fit.predict(&[-1.0]) < 0.01, "{fit:?}");
    }

    #[test]
    fn what_cannot_be_fitted_is_not() {
        let check = |rows: &[Vec<f64>], labels: &[bool], l2: f64| {
            assert_eq!(Logistic::fit(rows, labels, l2), None);
        };
        check(&[], &[], 1.0);
        check(&[vec![1.0], vec![2.0]], &[true, true], 1.0);
        check(&[vec![1.0], vec![2.0]], &[true], 1.0);
        check(&[vec![1.0], vec![2.0, 3.0]], &[true, false], 1.0);
        check(&[vec![1.0], vec![f64::NAN]], &[true, false], 1.0);
        check(&[vec![1.0], vec![2.0]], &[true, false], 0.0);
        check(&[vec![1.0], vec![2.0]], &[true, false], f64::INFINITY);
    }

    proptest! {
        // at the least loss no part of the gradient is left
        #[test]
        fn the_fit_is_at_rest(
            rows in prop::collection::vec((-5.0..5.0f64, -5.0..5.0f64, any::<bool>()), 2..40),
        ) {
            let labels: Vec<bool> = rows.iter().map(|row| row.2).collect();
            prop_assume!(labels.contains(&true) && labels.contains(&false));
            let values: Vec<Vec<f64>> = rows.iter().map(|row| vec![row.0, row.1]).collect();
            let fit = Logistic::fit(&values, &labels, 0.5).unwrap();
            let off: f64 = values.iter().zip(&labels)
                .map(|(row, label)| fit.predict(row) - f64::from(u8::from(*label)))
                .sum();
            prop_assert!(off.abs() < 1e-6, "{off}");
        }
    }
}

//! The rule equals a slow, obvious model in exact rational arithmetic, which
//! keeps the whole history and sums it anew at each score.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;
use tidegate_kernel::{Decision, HaltConfig, HaltRule, Trend, WINDOW_MAX};

fn nanos(x: f64) -> i128 {
    (x * 1e9 + 0.5).floor() as i128
}

/// The rows of the table, written as they are read. Quotients are compared by
/// cross-multiplication; their denominators are positive.
struct Model {
    config: HaltConfig,
    history: Vec<i128>,
    halted: Option<(usize, &'static str)>,
}

impl Model {
    fn push(&mut self, score: f64) -> &'static str {
        if self.halted.is_some() {
            return "latched";
        }
        let verdict = self.judge(score);
        if let Some(code) = verdict {
            let index = self.history.len() - usize::from(!matches!(code, "invalid_score"));
            self.halted = Some((index, code));
            return code;
        }
        if nanos(score) < nanos(self.config.soft_limit) { "warn" } else { "pass" }
    }

    fn judge(&mut self, score: f64) -> Option<&'static str> {
        let config = self.config;
        if !score.is_finite() || !(0.0..=1.0).contains(&score) {
            return Some("invalid_score");
        }
        self.history.push(nanos(score));
        if nanos(score) < nanos(config.hard_limit) {
            return Some("hard_limit");
        }
        let size = config.window_size as usize;
        if let Some(start) = self.history.len().checked_sub(size) {
            let sum: i128 = self.history[start..].iter().sum();
            if sum < nanos(config.window_threshold) * size as i128 {
                return Some("window_avg");
            }
        }
        let n = config.trend_window as usize;
        if let Some(start) = self.history.len().checked_sub(n) {
            let window = &self.history[start..];
            let (drop, per) = match config.trend {
                Trend::Endpoint => (window[0] - window[n - 1], 1),
                Trend::Slope => least_squares_drop(window),
            };
            if drop > nanos(config.trend_threshold) * per {
                return Some("downward_trend");
            }
        }
        None
    }
}

/// −slope·(n−1) of the textbook formula (n Σxy − Σx Σy) / (n Σx² − (Σx)²).
fn least_squares_drop(window: &[i128]) -> (i128, i128) {
    let n = window.len() as i128;
    let (mut x_sum, mut y_sum, mut xy_sum, mut xx_sum) = (0, 0, 0, 0);
    for (x, &y) in (0..).zip(window) {
        x_sum += x;
        y_sum += y;
        xy_sum += x * y;
        xx_sum += x * x;
    }
    (-(n * xy_sum - x_sum * y_sum) * (n - 1), n * xx_sum - x_sum * x_sum)
}

fn code(decision: Decision) -> &'static str {
    match decision {
        Decision::Pass => "pass",
        Decision::Warn => "warn",
        Decision::Halt(code) => code.as_str(),
        Decision::Latched(_) => "latched",
    }
}

fn assert_same(config: HaltConfig, scores: &[f64]) {
    let mut rule = HaltRule::new(&config).unwrap();
    let mut model = Model { config, history: Vec::new(), halted: None };
    for (i, &score) in scores.iter().enumerate() {
        assert_eq!(code(rule.push(score)), model.push(score), "score {i} of {config:?}");
    }
    let halted = rule.halt().map(|h| (h.index as usize, h.reason.code().as_str()));
    assert_eq!(halted, model.halted);
}

fn score() -> impl Strategy<Value = f64> {
    prop_oneof![
        // coarse steps make ties common
        20 => (0u32..=20).prop_map(|i| f64::from(i) / 20.0),
        20 => 0.4f64..=1.0,
        1 => 0.0f64..=1.0,
        1 => any::<f64>(),
    ]
}

/// Scores that stay near a level, so that the windows fill before a halt.
fn calm_scores() -> impl Strategy<Value = Vec<f64>> {
    (5u32..=19, prop::collection::vec(-1i32..=1, 1..400)).prop_map(|(level, steps)| {
        let mut at = i32::try_from(level).unwrap();
        let walk = steps.into_iter().map(|step| {
            at = (at + step).clamp(0, 20);
            f64::from(at) / 20.0
        });
        walk.collect()
    })
}

fn config() -> impl Strategy<Value = HaltConfig> {
    let limit = || prop_oneof![(0u32..=20).prop_map(|i| f64::from(i) / 20.0), 0.0f64..=1.0];
    let window = |min| prop_oneof![8 => min..40u32, 1 => min..=WINDOW_MAX];
    let trend = prop_oneof![Just(Trend::Endpoint), Just(Trend::Slope)];
    (limit(), limit(), window(1), limit(), window(2), limit(), trend).prop_map(
        |(
            hard,
            soft_limit,
            window_size,
            window_threshold,
            trend_window,
            trend_threshold,
            trend,
        )| {
            HaltConfig {
                // a high hard limit would hide the other checks
                hard_limit: hard / 2.0,
                soft_limit,
                window_size,
                window_threshold,
                trend_window,
                trend_threshold: trend_threshold.max(0.05),
                trend,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn equals_the_model_on_any_scores(
        config in config(),
        scores in prop::collection::vec(score(), 0..120),
    ) {
        assert_same(config, &scores);
    }

    #[test]
    fn equals_the_model_on_calm_scores(config in config(), scores in calm_scores()) {
        assert_same(config, &scores);
    }
}

#[test]
fn the_largest_windows_do_not_overflow() {
    for trend in [Trend::Endpoint, Trend::Slope] {
        for trend_window in [2, WINDOW_MAX] {
            let config = HaltConfig {
                hard_limit: 0.0,
                window_size: WINDOW_MAX,
                window_threshold: 0.0,
                trend_window,
                trend_threshold: 1.0,
                trend,
                ..HaltConfig::default()
            };
            let step = |i: u32| if i < WINDOW_MAX / 2 { 1.0 } else { 0.0 };
            let scores: Vec<f64> = (0..WINDOW_MAX).chain(0..WINDOW_MAX).map(step).collect();
            assert_same(config, &scores);
        }
    }
}

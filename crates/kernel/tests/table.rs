//! The rows of the table in the crate docs, and their edges.
#![allow(clippy::unwrap_used, reason = "tests")]

use tidegate_kernel::{HaltConfig, HaltRule, Score, Session, Trend, WINDOW_MAX};

/// `expect` is `open`, or the halt as `index reason`.
#[track_caller]
fn check(config: HaltConfig, scores: &[f64], expect: &str) {
    let mut rule = HaltRule::new(&config).unwrap();
    for &score in scores {
        rule.push(score);
    }
    let got = match rule.halt() {
        None => "open".to_string(),
        Some(halt) => format!("{} {}", halt.index, halt.reason),
    };
    assert_eq!(got, expect, "scores {scores:?}");
}

fn config() -> HaltConfig {
    HaltConfig::default()
}

#[test]
fn the_rows() {
    check(config(), &[], "open");
    check(config(), &[0.9; 100], "open");
    check(config(), &[f64::NAN], "0 invalid_score (NaN)");
    check(config(), &[0.9, f64::INFINITY], "1 invalid_score (inf)");
    check(config(), &[0.9, f64::NEG_INFINITY], "1 invalid_score (-inf)");
    check(config(), &[1.000_000_000_1], "0 invalid_score (1.0000000001)");
    check(config(), &[-1e-300], "0 invalid_score (-1e-300)");
    check(config(), &[1e300], "0 invalid_score (1e300)");
    check(config(), &[0.3], "0 hard_limit (0.3000 < 0.5)");
    check(config(), &[0.51; 10], "9 window_avg (0.5100 < 0.55)");
    check(config(), &[0.9, 0.9, 0.8, 0.7, 0.7], "4 downward_trend (0.2000 > 0.15)");
    let slope = HaltConfig { trend: Trend::Slope, ..config() };
    check(slope, &[0.9, 0.9, 0.8, 0.7, 0.7], "4 downward_trend (0.2400 > 0.15)");
}

#[test]
fn the_first_reason_stays() {
    check(config(), &[0.9, 0.3, f64::NAN, 1.0, 0.1], "1 hard_limit (0.3000 < 0.5)");
}

#[test]
fn comparisons_are_strict() {
    check(config(), &[0.5], "open");
    // floating-point sums get this one wrong
    check(config(), &[0.55; 10], "open");
    check(config(), &[0.9, 0.85, 0.8, 0.78, 0.75], "open");
    check(config(), &[0.9, 0.85, 0.8, 0.78, 0.749_999_999], "4 downward_trend (0.1500 > 0.15)");
    let low = HaltConfig { hard_limit: 0.0, window_threshold: 0.0, ..config() };
    check(low, &[0.0; 20], "open");
    check(low, &[-0.0; 20], "open");
    let high = HaltConfig { hard_limit: 1.0, ..config() };
    check(high, &[1.0; 20], "open");
    check(high, &[0.999_999_999], "0 hard_limit (1.0000 < 1)");
}

#[test]
fn the_hard_limit_comes_before_the_window_and_the_window_before_the_trend() {
    let one = HaltConfig { window_size: 1, window_threshold: 1.0, ..config() };
    check(one, &[0.4], "0 hard_limit (0.4000 < 0.5)");
    let mut scores = vec![0.7; 9];
    scores.push(0.5);
    let both = HaltConfig { window_threshold: 0.69, ..config() };
    check(both, &scores, "9 window_avg (0.6800 < 0.69)");
}

#[test]
fn windows_of_one_and_of_the_maximum() {
    let one = HaltConfig { window_size: 1, window_threshold: 0.8, ..config() };
    check(one, &[0.9, 0.79], "1 window_avg (0.7900 < 0.8)");
    let all = HaltConfig { window_size: WINDOW_MAX, trend_window: WINDOW_MAX, ..config() };
    let mut scores = vec![0.549_999_999; WINDOW_MAX as usize];
    check(all, scores.get(1..).unwrap(), "open");
    check(all, &scores, "4095 window_avg (0.5500 < 0.55)");
    scores.fill(0.9);
    scores.push(0.74);
    check(all, &scores, "4096 downward_trend (0.1600 > 0.15)");
}

#[test]
fn scores_are_rounded_half_up_to_a_nano() {
    let nanos = |x| Score::from_f64(x).unwrap().nanos();
    assert_eq!(nanos(0.0), 0);
    assert_eq!(nanos(-0.0), 0);
    assert_eq!(nanos(4.9e-10), 0);
    assert_eq!(nanos(5e-10), 1);
    assert_eq!(nanos(0.1), 100_000_000);
    assert_eq!(nanos(1.0), 1_000_000_000);
    assert!(Score::from_nanos(1_000_000_001).is_none());
}

#[test]
fn out_of_range_configurations_name_field_value_and_range() {
    let check = |config: HaltConfig, expect: &str| {
        assert_eq!(HaltRule::new(&config).unwrap_err().to_string(), expect);
    };
    check(
        HaltConfig { hard_limit: 1.5, ..config() },
        "`hard_limit` is `1.5`: expected a number from 0 to 1",
    );
    check(
        HaltConfig { soft_limit: f64::NAN, ..config() },
        "`soft_limit` is `NaN`: expected a number from 0 to 1",
    );
    check(
        HaltConfig { window_threshold: -0.1, ..config() },
        "`window_threshold` is `-0.1`: expected a number from 0 to 1",
    );
    for trend_threshold in [0.0, -0.0] {
        let error = HaltRule::new(&HaltConfig { trend_threshold, ..config() }).unwrap_err();
        assert_eq!((error.field(), error.range()), ("trend_threshold", "above 0 and up to 1"));
    }
    check(
        HaltConfig { window_size: 0, ..config() },
        "`window_size` is `0`: expected a whole number from 1 to 4096",
    );
    check(
        HaltConfig { trend_window: 1, ..config() },
        "`trend_window` is `1`: expected a whole number from 2 to 4096",
    );
    check(
        HaltConfig { trend_window: 4097, ..config() },
        "`trend_window` is `4097`: expected a whole number from 2 to 4096",
    );
}

#[test]
fn a_session_remembers_what_was_judged() {
    let mut session = Session::new(&config()).unwrap();
    for score in [0.9, 0.58, 0.3, 0.9] {
        session.push(score);
    }
    assert_eq!(session.scores(), [0.9, 0.58, 0.3]);
    assert_eq!((session.pushes(), session.warnings()), (3, 1));
    assert_eq!(session.halt().unwrap().index, 2);
}

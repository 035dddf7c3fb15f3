//! A push has no way to panic: with optimisation on, the linker refuses this
//! file if one is left. Run with `cargo test --release -p tidegate-kernel`, as
//! CI does; without optimisation there is nothing to check, and no test here.

#[cfg(not(debug_assertions))]
#[test]
fn the_linker_finds_no_panic_in_push() {
    use no_panic::no_panic;
    use tidegate_kernel::{Decision, HaltConfig, HaltRule, Trend};

    #[no_panic]
    fn push(rule: &mut HaltRule, score: f64) -> Decision {
        rule.push(score)
    }

    for trend in [Trend::Endpoint, Trend::Slope] {
        let Ok(mut rule) = HaltRule::new(&HaltConfig { trend, ..HaltConfig::default() }) else {
            unreachable!("the default is in range")
        };
        assert_eq!(push(&mut rule, 0.9), Decision::Pass);
        assert!(!push(&mut rule, 0.1).is_open());
    }
}

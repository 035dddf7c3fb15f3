use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Fault;

/// How the limits of a check were found, and how well they did on data that was
/// not used to find them. A record: it changes nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// The SHA-256 of the data file, `sha256:` and 64 hexadecimal digits.
    #[schemars(regex(pattern = "^sha256:[0-9a-f]{64}$"))]
    pub data_digest: String,
    /// How many rows it has.
    pub rows: u64,
    /// Into how many parts they were divided.
    pub folds: u32,
    /// The seed of the division.
    pub seed: u64,
    /// The area under the ROC curve.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub auc: f64,
    /// The lower end of its 95 % interval.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub auc_low: f64,
    /// The upper end.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub auc_high: f64,
    /// The mean of the shares of right and of wrong answers that were told.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub balanced_accuracy: f64,
    /// The share of right answers that were halted.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub false_halts: f64,
    /// The share of wrong answers that were halted.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub recall: f64,
}

impl Calibration {
    pub(super) fn find_fault(&self, number: &str) -> Result<(), Fault> {
        let fault =
            |field, message| Err(Fault::new(["halt", number, "calibration", field], message));
        let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        let digits = self.data_digest.strip_prefix("sha256:").unwrap_or_default();
        if digits.len() != 64 || !digits.bytes().all(is_hex) {
            let message = format!(
                "`data_digest` is `{}`: expected `sha256:` and 64 digits from 0 to f",
                super::shorten(&self.data_digest)
            );
            return fault("data_digest", message);
        }
        for (field, value) in [
            ("auc", self.auc),
            ("auc_low", self.auc_low),
            ("auc_high", self.auc_high),
            ("balanced_accuracy", self.balanced_accuracy),
            ("false_halts", self.false_halts),
            ("recall", self.recall),
        ] {
            if !(0.0..=1.0).contains(&value) {
                let message = format!("`{field}` is `{value}`: expected a number from 0 to 1");
                return fault(field, message);
            }
        }
        Ok(())
    }
}

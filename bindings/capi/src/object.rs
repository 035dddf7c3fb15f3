//! What handles stand for.

use std::sync::Arc;

use tidegate::Checks;
use tidegate_abi::tg_status::TG_BAD_HANDLE;
use tidegate_abi::{Failure, Objects};
use tidegate_ground::Facts;

use crate::gate::Gate;

pub(crate) static OBJECTS: Objects<Object> = Objects::new();

pub(crate) enum Object {
    Policy(Policy),
    Facts(FactsBox),
    Gate(Box<Gate>),
}

/// A policy made ready.
pub(crate) struct Policy {
    pub(crate) checks: Checks,
    pub(crate) notices: Vec<String>,
    /// What was asked for last.
    pub(crate) out: Vec<u8>,
}

/// Facts, and what was asked of them last.
#[derive(Default)]
pub(crate) struct FactsBox {
    pub(crate) facts: Arc<Facts>,
    pub(crate) out: Vec<u8>,
}

macro_rules! kinds {
    ($($method:ident, $kind:ident, $type:ty, $name:literal;)*) => {
        impl Object {
            $(pub(crate) fn $method(&mut self) -> Result<&mut $type, Failure> {
                match self {
                    Object::$kind(it) => Ok(it),
                    _ => Err(Failure::new(TG_BAD_HANDLE, concat!("the handle is not that of ", $name))),
                }
            })*
        }
    };
}
kinds! {
    policy, Policy, Policy, "a policy";
    facts, Facts, FactsBox, "facts";
    gate, Gate, Gate, "a gate";
}

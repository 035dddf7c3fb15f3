//! What a call that fails leaves behind.

use std::borrow::Cow;
use std::cell::RefCell;
use std::fmt;

use serde_json::{Map, Value};

use tg_status::TG_NO_MEMORY;

/// What became of a call. 0 and 1 are no failures.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum tg_status {
    /// Done.
    TG_OK = 0,
    /// There is nothing to give.
    TG_NONE = 1,
    /// The handle stands for nothing of this kind, or for nothing any more.
    TG_BAD_HANDLE = 2,
    /// A pointer is null, not aligned, or outside the memory.
    TG_BAD_POINTER = 3,
    /// A length is above `TG_BYTES_MAX`.
    TG_BAD_LENGTH = 4,
    /// A text is not UTF-8.
    TG_BAD_TEXT = 5,
    /// A number stands for none of what it should name.
    TG_BAD_ARGUMENT = 6,
    /// The policy cannot be used.
    TG_BAD_POLICY = 7,
    /// The facts cannot be used.
    TG_BAD_FACTS = 8,
    /// The trace cannot be read.
    TG_BAD_TRACE = 9,
    /// The replay decides otherwise than the trace says.
    TG_REPLAY_DIFFERS = 10,
    /// The policy names something that this build lacks.
    TG_LACKS = 11,
    /// A check has nobody to give its scores.
    TG_NOT_READY = 12,
    /// No request had this number.
    TG_UNKNOWN_REQUEST = 13,
    /// The trace was not taken for too long; take it and call again.
    TG_TRACE_FULL = 14,
    /// Another call is at work on this object.
    TG_BUSY = 15,
    /// There are too many objects.
    TG_NO_ROOM = 16,
    /// There is not so much memory.
    TG_NO_MEMORY = 17,
    /// An earlier call died half-way: nothing here works any more.
    TG_BROKEN = 18,
    /// The model's files cannot be used, or it has no answer.
    TG_BAD_MODEL = 19,
}

impl tg_status {
    fn name(self) -> &'static str {
        match self {
            tg_status::TG_OK => "ok",
            tg_status::TG_NONE => "none",
            tg_status::TG_BAD_HANDLE => "bad_handle",
            tg_status::TG_BAD_POINTER => "bad_pointer",
            tg_status::TG_BAD_LENGTH => "bad_length",
            tg_status::TG_BAD_TEXT => "bad_text",
            tg_status::TG_BAD_ARGUMENT => "bad_argument",
            tg_status::TG_BAD_POLICY => "bad_policy",
            tg_status::TG_BAD_FACTS => "bad_facts",
            tg_status::TG_BAD_TRACE => "bad_trace",
            tg_status::TG_REPLAY_DIFFERS => "replay_differs",
            tg_status::TG_LACKS => "lacks",
            tg_status::TG_NOT_READY => "not_ready",
            tg_status::TG_UNKNOWN_REQUEST => "unknown_request",
            tg_status::TG_TRACE_FULL => "trace_full",
            tg_status::TG_BUSY => "busy",
            tg_status::TG_NO_ROOM => "no_room",
            tg_status::TG_NO_MEMORY => "no_memory",
            tg_status::TG_BROKEN => "broken",
            tg_status::TG_BAD_MODEL => "bad_model",
        }
    }
}

/// Why a call failed: for programs, and for people as JSON.
#[derive(Debug)]
pub struct Failure {
    status: tg_status,
    message: Cow<'static, str>,
    more: Map<String, Value>,
}

impl Failure {
    /// With a message for people.
    pub fn new(status: tg_status, message: impl fmt::Display) -> Failure {
        Failure { status, message: message.to_string().into(), more: Map::new() }
    }

    /// There is not so much memory: neither this nor noting it takes any.
    pub fn no_memory() -> Failure {
        Failure { status: TG_NO_MEMORY, message: Cow::Borrowed(""), more: Map::new() }
    }

    /// Says more, such as the `line`.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Failure {
        self.more.insert(name.to_string(), value.into());
        self
    }

    /// As `tg_error` gives it.
    pub(crate) fn to_json(&self) -> Cow<'static, str> {
        if self.status == TG_NO_MEMORY {
            return r#"{"code":"no_memory","message":"there is not so much memory"}"#.into();
        }
        let mut object = self.more.clone();
        object.insert("code".to_string(), self.status.name().into());
        object.insert("message".to_string(), (*self.message).into());
        Value::Object(object).to_string().into()
    }
}

thread_local! {
    static LAST: RefCell<Cow<'static, str>> = const { RefCell::new(Cow::Borrowed("")) };
}

/// Keeps a failure for `tg_error`.
pub(crate) fn note(failure: Failure) -> tg_status {
    LAST.with_borrow_mut(|last| *last = failure.to_json());
    failure.status
}

/// The last failure of this thread, as JSON; empty if there was none.
pub(crate) fn with_last<R>(read: impl FnOnce(&str) -> R) -> R {
    LAST.with_borrow(|last| read(last))
}

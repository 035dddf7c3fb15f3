//! What every call from outside has around it.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, OnceLock, PoisonError, TryLockError};

use tidegate_kernel_capi::Handles;

use crate::failure::tg_status::{self, *};
use crate::failure::{Failure, note};

/// A call is at work. In WebAssembly, where a panic is a trap, one that died left
/// this behind.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// Why a call died, as `tg_error` says it. Made while there was memory for it.
static LAST_WORDS: OnceLock<Cow<'static, str>> = OnceLock::new();

/// Makes a call: its number, or that of its failure.
pub fn call(work: impl FnOnce() -> Result<u32, Failure>) -> u32 {
    match guarded(work) {
        Some(done) => done.unwrap_or_else(|failure| note(failure) as u32),
        None => TG_BROKEN as u32,
    }
}

/// Makes a call that gives a handle: 0 if it fails.
pub fn call_for_handle(work: impl FnOnce() -> Result<u32, Failure>) -> u32 {
    match guarded(work) {
        Some(done) => done.unwrap_or_else(|failure| {
            note(failure);
            0
        }),
        None => 0,
    }
}

/// Makes a call, unless an earlier one died: then nothing here is to be trusted, not
/// even that there is memory to say so.
fn guarded<R>(work: impl FnOnce() -> Result<R, Failure>) -> Option<Result<R, Failure>> {
    remember_last_words();
    // elsewhere a panic is caught, and many threads may be at work
    let alone = cfg!(target_arch = "wasm32");
    if alone && AT_WORK.swap(true, Ordering::Relaxed) {
        return None;
    }
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        Err(Failure::new(TG_BROKEN, "this call died half-way, which is a defect of the library"))
    });
    AT_WORK.store(false, Ordering::Relaxed);
    Some(result)
}

/// Whether an earlier call died, and why: what `tg_error` gives then.
pub(crate) fn last_words() -> Option<&'static str> {
    let is_dead = cfg!(target_arch = "wasm32") && AT_WORK.load(Ordering::Relaxed);
    is_dead.then(|| LAST_WORDS.get().map_or(OUT_OF_MEMORY, |words| words))
}

/// What dies without a word.
const OUT_OF_MEMORY: &str =
    r#"{"code":"broken","message":"an earlier call died half-way: it ran out of memory or stack"}"#;

fn remember_last_words() {
    static ONCE: Once = Once::new();
    // elsewhere the program's own hook is none of a library's business
    if cfg!(target_arch = "wasm32") {
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|info| {
                let why = format_args!("an earlier call died half-way: {info}");
                // the first panic is the one that counts
                let _ = LAST_WORDS.set(Failure::new(TG_BROKEN, why).to_json());
            }));
        });
    }
}

/// Objects by their handles.
#[derive(Debug, Default)]
pub struct Objects<T>(Mutex<Handles<Arc<Mutex<T>>>>);

impl<T> Objects<T> {
    /// None yet.
    #[must_use]
    pub const fn new() -> Objects<T> {
        Objects(Mutex::new(Handles::new()))
    }

    fn handles(&self) -> MutexGuard<'_, Handles<Arc<Mutex<T>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps an object and gives its handle.
    ///
    /// # Errors
    /// `TG_NO_ROOM`.
    pub fn keep(&self, object: T) -> Result<u32, Failure> {
        self.handles()
            .insert(Arc::new(Mutex::new(object)))
            .map_err(|_| Failure::new(TG_NO_ROOM, "there are too many objects"))
    }

    /// Works on the object of a handle.
    ///
    /// # Errors
    /// `TG_BAD_HANDLE`, `TG_BUSY`, `TG_BROKEN`, and what the work fails with.
    pub fn with<R>(
        &self,
        handle: u32,
        work: impl FnOnce(&mut T) -> Result<R, Failure>,
    ) -> Result<R, Failure> {
        let object = self.handles().get_mut(handle).cloned();
        let object = object.ok_or_else(|| stale(handle))?;
        match object.try_lock() {
            Ok(mut object) => work(&mut object),
            Err(TryLockError::WouldBlock) => {
                Err(Failure::new(TG_BUSY, "another call is at work on this object"))
            }
            Err(TryLockError::Poisoned(_)) => {
                Err(Failure::new(TG_BROKEN, "an earlier call on this object died half-way"))
            }
        }
    }

    /// Lets the object of a handle go.
    ///
    /// # Errors
    /// `TG_BAD_HANDLE`.
    pub fn let_go(&self, handle: u32) -> Result<u32, Failure> {
        let removed = self.handles().remove(handle);
        removed.map(|_| tg_status::TG_OK as u32).ok_or_else(|| stale(handle))
    }
}

fn stale(handle: u32) -> Failure {
    Failure::new(TG_BAD_HANDLE, format_args!("the handle {handle} stands for nothing (any more)"))
}

//! What every call from outside has around it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, PoisonError, TryLockError};

use tidegate_kernel_capi::Handles;

use crate::failure::tg_status::{self, *};
use crate::failure::{Failure, note};

/// A call is at work. In WebAssembly, where a panic is a trap, one that died left
/// this behind.
static AT_WORK: AtomicBool = AtomicBool::new(false);

/// Why a call died.
static LAST_WORDS: Mutex<String> = Mutex::new(String::new());

/// Makes a call: its number, or that of its failure.
pub fn call(work: impl FnOnce() -> Result<u32, Failure>) -> u32 {
    guarded(work).unwrap_or_else(|failure| note(failure) as u32)
}

/// Makes a call that gives a handle: 0 if it fails.
pub fn call_for_handle(work: impl FnOnce() -> Result<u32, Failure>) -> u32 {
    guarded(work).unwrap_or_else(|failure| {
        note(failure);
        0
    })
}

fn guarded<R>(work: impl FnOnce() -> Result<R, Failure>) -> Result<R, Failure> {
    remember_last_words();
    // elsewhere a panic is caught, and many threads may be at work
    let alone = cfg!(target_arch = "wasm32");
    if alone && AT_WORK.swap(true, Ordering::Relaxed) {
        return Err(broken());
    }
    let result = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(broken()));
    AT_WORK.store(false, Ordering::Relaxed);
    result
}

fn broken() -> Failure {
    let words = LAST_WORDS.lock().unwrap_or_else(PoisonError::into_inner);
    let why = if words.is_empty() { "it ran out of memory or stack" } else { words.as_str() };
    Failure::new(TG_BROKEN, format_args!("an earlier call died half-way: {why}"))
}

/// Whether an earlier call died.
pub(crate) fn is_broken() -> Option<Failure> {
    (cfg!(target_arch = "wasm32") && AT_WORK.load(Ordering::Relaxed)).then(broken)
}

fn remember_last_words() {
    static ONCE: Once = Once::new();
    // elsewhere the program's own hook is none of a library's business
    if cfg!(target_arch = "wasm32") {
        ONCE.call_once(|| {
            std::panic::set_hook(Box::new(|info| {
                if let Ok(mut words) = LAST_WORDS.try_lock() {
                    *words = info.to_string();
                }
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

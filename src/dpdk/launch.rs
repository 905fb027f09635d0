//! Work on the lcores beside the main one: EAL's threads, pinned and known to its pools.

use super::eal::{Eal, StartError};
use super::ffi;
use std::any::Any;
use std::ffi::{c_int, c_void};
use std::panic::{self, AssertUnwindSafe};
use std::sync::{Arc, Mutex, PoisonError};

/// Work under way on one lcore.
#[derive(Debug)]
pub struct Running<T> {
    lcore: u32,
    result: Slot<T>,
}

/// Where the lcore leaves its result, or its panic.
type Slot<T> = Arc<Mutex<Option<Result<T, Box<dyn Any + Send>>>>>;

type Work = Box<dyn FnOnce() + Send>;

/// Runs `work` on `lcore`, one of `Eal::lcores` that is not the main one and idle.
pub fn launch<T: Send + 'static>(
    _eal: &Eal,
    lcore: u32,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<Running<T>, StartError> {
    let result: Slot<T> = Arc::default();
    let slot = Arc::clone(&result);
    let whole: Work = Box::new(move || {
        // A panic must not cross into C; whoever joins gets it. What it touched is never used again.
        let result = panic::catch_unwind(AssertUnwindSafe(work));
        *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(result);
    });
    let argument: *mut Work = Box::into_raw(Box::new(whole));
    // SAFETY: EAL runs; `start_work` gets its argument once, on a thread of its own.
    let code = unsafe { ffi::rte_eal_remote_launch(Some(start_work), argument.cast(), lcore) };
    if code == 0 {
        return Ok(Running { lcore, result });
    }
    // SAFETY: EAL has refused the argument, so it is still ours, and made by `Box::into_raw` above.
    drop(unsafe { Box::from_raw(argument) });
    let what = format!("lcore {lcore}");
    Err(StartError::returned(what, code, "it is busy or unknown"))
}

impl<T> Running<T> {
    /// Waits for the work's end; `None` if it panicked.
    pub fn join(self) -> Option<T> {
        // SAFETY: EAL runs, as it launched the work; the calling thread is not the one waited for.
        unsafe { ffi::rte_eal_wait_lcore(self.lcore) };
        let mut result = self.result.lock().unwrap_or_else(PoisonError::into_inner);
        result.take()?.ok()
    }
}

/// What EAL calls on the lcore.
unsafe extern "C" fn start_work(argument: *mut c_void) -> c_int {
    // SAFETY: `launch` passed a box of this type, and EAL calls once for each launch.
    let work = unsafe { Box::from_raw(argument.cast::<Work>()) };
    work();
    0
}

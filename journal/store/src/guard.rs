//! Turning the engine's panics into errors.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Tells whether a panic on this thread is caught and reported as an error.
///
/// A panic hook that ends the process asks this first, and only records the panic when it is so.
pub fn is_guarded() -> bool {
    GUARDED.with(|depth| depth.get() > 0)
}

/// Runs engine code; a panic becomes its message.
///
/// What the code touches may be left half done, so the caller must not use the engine again.
pub(crate) fn guarded<T>(engine: impl FnOnce() -> T) -> Result<T, String> {
    GUARDED.with(|depth| depth.set(depth.get() + 1));
    let result = catch_unwind(AssertUnwindSafe(engine));
    GUARDED.with(|depth| depth.set(depth.get() - 1));
    result.map_err(|payload| message(payload.as_ref()))
}

fn message(payload: &(dyn Any + Send)) -> String {
    payload
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_its_message_and_only_inside_is_guarded() {
        assert!(!is_guarded());
        assert_eq!(guarded(is_guarded), Ok(true));
        assert_eq!(guarded(|| panic!("at {}", 7)), Err::<(), _>("at 7".to_owned()));
        assert!(!is_guarded());
    }
}

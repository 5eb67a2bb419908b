//! The threads of a program: how they start, and how they end without a word when it does.

use std::num::NonZeroUsize;
use std::panic;
use std::thread;
use std::time::Duration;

use artifact_domain::{Error, ErrorKind, Result};
use tokio::runtime::{Builder, Runtime};

/// How long the threads may take to end that are at work still. One that waits for standard input
/// never does. The others are waited for: glibc (seen in 2.36) may read a thread that is let go just
/// as it ends after its memory has gone, and the process dies of it with its work done.
const LAST_STEPS: Duration = Duration::from_millis(200);

/// The runtime of a program, with so many threads for what never blocks, or one per processor.
///
/// # Errors
///
/// `Internal` if the system gives no threads.
pub fn start_runtime(workers: Option<NonZeroUsize>) -> Result<Runtime> {
    let mut builder = Builder::new_multi_thread();
    if let Some(workers) = workers {
        builder.worker_threads(workers.get());
    }
    builder.enable_all().build().map_err(|cause| {
        Error::new(ErrorKind::Internal, "the runtime could not start").with_source(cause)
    })
}

/// Ends it when the outcome of the program stands.
///
/// Threads that are let go in the midst of their work find the runtime's clock gone and panic, at any
/// time until the process has ended. From here on only a panic of the calling thread is told.
pub fn end_runtime(runtime: Runtime) {
    let own = thread::current().id();
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        if thread::current().id() == own {
            tell(panic);
        }
    }));
    runtime.block_on(async {
        // Nothing is lost when it takes longer: whoever would read is gone.
        let _ = tokio::time::timeout(LAST_STEPS, artifact_app::threads_ended()).await;
    });
    runtime.shutdown_timeout(LAST_STEPS);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_is_left_behind_panics_in_silence_and_the_caller_aloud() {
        use std::sync::Arc;
        use std::sync::atomic::{AtomicUsize, Ordering};

        let told = Arc::new(AtomicUsize::new(0));
        let before = panic::take_hook();
        panic::set_hook(Box::new({
            let told = told.clone();
            move |_| {
                told.fetch_add(1, Ordering::SeqCst);
            }
        }));
        end_runtime(start_runtime(None).unwrap());
        assert!(thread::spawn(|| panic!("left behind")).join().is_err());
        assert_eq!(told.load(Ordering::SeqCst), 0);
        assert!(panic::catch_unwind(|| panic!("of the caller")).is_err());
        panic::set_hook(before);
        assert_eq!(told.load(Ordering::SeqCst), 1);
    }
}

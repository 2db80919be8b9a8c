use std::sync::mpsc;

use tokio::sync::oneshot;

use super::*;

const AMPLE: Duration = Duration::from_secs(10);

/// Runs a future on the library's thread and returns its result.
fn on_the_thread<T: Send + 'static>(runtime: &Runtime, work: impl Future<Output = T> + Send + 'static) -> T {
    let (sender, receiver) = mpsc::channel();
    assert!(runtime.spawn(async move { drop(sender.send(work.await)) }));
    receiver.recv_timeout(AMPLE).unwrap()
}

#[test]
fn blocking_on_the_thread_of_the_library_fails_instead_of_deadlocking() {
    let runtime = Runtime::current().unwrap();
    let inner = runtime.clone();
    let waited = on_the_thread(&runtime, async move { inner.block_within(AMPLE, async {}) });
    assert_eq!(waited.unwrap_err().status(), Status::WouldBlock);
}

#[test]
fn blocking_inside_a_callback_fails_instead_of_deadlocking() {
    let runtime = Runtime::current().unwrap();
    let waiting = || runtime.block_within(AMPLE, async {});
    assert_eq!(with_role(Role::Callbacks, waiting).unwrap_err().status(), Status::WouldBlock);
    assert!(waiting().is_ok(), "only inside");
}

#[test]
fn caller_of_a_busy_thread_times_out() {
    let runtime = Runtime::start(0).unwrap();
    let (release, released) = mpsc::channel::<()>();
    runtime.spawn(async move {
        let _ = released.recv();
    });
    let (sender, receiver) = oneshot::channel();
    runtime.spawn(async move {
        let _ = sender.send(());
    });
    assert!(runtime.block_within(Duration::from_millis(10), receiver).unwrap().is_none());
    release.send(()).unwrap();
    on_the_thread(&runtime, async {});
}

#[test]
fn waiters_learn_at_once_that_the_thread_is_dead() {
    let runtime = Runtime::start(0).unwrap();
    let waiting = runtime.clone();
    let waiter = thread::spawn(move || waiting.block_within(Duration::from_secs(60), pending::<()>()).unwrap());
    // Not `declare_dead`, which would count for the other tests of this process.
    runtime.0.watched.is_dead.send_replace(true);
    assert!(waiter.join().unwrap().is_none());
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(other.block_on(runtime.within(Duration::from_secs(60), pending::<()>())), None);
}

#[test]
fn waiting_in_any_executor_ends_at_the_deadline_and_leaves_no_task() {
    let runtime = Runtime::start(0).unwrap();
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(async {
        assert_eq!(runtime.within(AMPLE, async { 7 }).await, Some(7));
        assert_eq!(runtime.within(Duration::from_millis(5), pending::<()>()).await, None);
    });
    assert_eq!(runtime.0.handle.metrics().num_alive_tasks(), 0);
}

#[cfg(unix)]
mod signals {
    use nix::sys::signal::{SigSet, Signal};

    use super::*;

    #[test]
    fn signals_are_blocked_on_the_thread_of_the_library_only() {
        let looking = async { SigSet::thread_get_mask().unwrap() };
        let mask = on_the_thread(&Runtime::current().unwrap(), looking);
        assert!(mask.contains(Signal::SIGTERM) && mask.contains(Signal::SIGINT) && !mask.contains(Signal::SIGSEGV));
        assert!(!SigSet::thread_get_mask().unwrap().contains(Signal::SIGTERM));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn real_time_signals_are_blocked() {
        let status = async { std::fs::read_to_string("/proc/thread-self/status").unwrap() };
        let status = on_the_thread(&Runtime::current().unwrap(), status);
        let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:")).unwrap();
        let blocked = u64::from_str_radix(mask.trim(), 16).unwrap();
        let before = libc::SIGRTMIN() - 1;
        assert_eq!(blocked >> before, u64::MAX >> before, "real-time signals in {blocked:x}");
    }
}

//! Nothing is logged under a lock: a log handler may wait for a caller of the library, as Python's waits for the thread that has
//! the interpreter.

mod support;

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Mutex, OnceLock};
use std::thread;
use std::time::Duration;

use support::fresh_directory;
use support::sandbox::Sandbox;
use tango_token::Client;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

static CLIENT: OnceLock<Client> = OnceLock::new();
static LINES: AtomicU32 = AtomicU32::new(0);
static BLOCKED: Mutex<Vec<&'static str>> = Mutex::new(Vec::new());

/// For each line waits until another thread has called the library.
struct Waiting;

impl Subscriber for Waiting {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tango_token")
    }

    fn event(&self, event: &Event<'_>) {
        let Some(client) = CLIENT.get() else { return };
        LINES.fetch_add(1, SeqCst);
        let (sender, called) = mpsc::channel();
        thread::spawn(move || {
            // Reads the state, and changes it unless a token is held.
            let _ = client.try_acquire();
            sender.send(())
        });
        if called.recv_timeout(Duration::from_secs(5)).is_err() {
            BLOCKED.lock().unwrap().push(event.metadata().name());
        }
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

#[test]
fn log_handler_may_wait_for_other_callers_of_the_library() {
    tracing::subscriber::set_global_default(Waiting).unwrap();
    let sandbox = Sandbox::start(&[]);
    let mut config = sandbox.config();
    config.cache(format!("file:{}", fresh_directory("log-locks").display()));
    let client = CLIENT.get_or_init(|| Client::new(&config).unwrap());
    client.acquire().unwrap();
    assert!(LINES.load(SeqCst) > 5);
    assert_eq!(*BLOCKED.lock().unwrap(), [] as [&str; 0]);
}

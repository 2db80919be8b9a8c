//! The open connections. There are only so many: a further one takes the place of the oldest that no caller waits on,
//! so that programs which open connections and send nothing cannot keep out the others.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, watch};
use tokio::time::{sleep, timeout};

use super::guard::Guard;
use super::listener::{Sockets, Stream};
use super::resources::Resources;

/// Fewer than the usual limit of open files.
const MAX_CONNECTIONS: usize = 512;
/// For the head of a request, and between two requests. Longer than clients usually keep a connection.
const HEADER_TIMEOUT: Duration = Duration::from_secs(60);
const MAX_HEAD: usize = 64 * 1024;
/// Keeps a process that is out of file descriptors from spinning.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

#[derive(Clone)]
pub struct Connections(Arc<Shared>);

struct Shared {
    /// The oldest first.
    open: Mutex<VecDeque<Arc<Slot>>>,
    /// A connection was closed, or is not waited on any more.
    changed: Notify,
    ending: watch::Sender<bool>,
}

/// One connection.
pub struct Slot {
    is_busy: AtomicBool,
    evicted: Notify,
    shared: Arc<Shared>,
}

impl Slot {
    /// Keeps the connection open while a caller waits on it.
    pub fn busy(&self) -> Busy<'_> {
        self.is_busy.store(true, SeqCst);
        Busy(self)
    }
}

pub struct Busy<'a>(&'a Slot);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.is_busy.store(false, SeqCst);
        self.0.shared.changed.notify_waiters();
    }
}

impl Shared {
    fn open(&self) -> MutexGuard<'_, VecDeque<Arc<Slot>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Closes the oldest connection that no caller waits on. Returns false if there is none.
    fn evict(&self) -> bool {
        let mut open = self.open();
        let idle = open.iter().position(|slot| !slot.is_busy.load(SeqCst));
        let evicted = idle.and_then(|place| open.remove(place));
        if let Some(slot) = &evicted {
            slot.evicted.notify_one();
        }
        evicted.is_some()
    }

    fn remove(&self, slot: &Arc<Slot>) {
        self.open().retain(|other| !Arc::ptr_eq(other, slot));
        self.changed.notify_waiters();
    }
}

impl Connections {
    pub fn new() -> Self {
        Self(Arc::new(Shared { open: Mutex::default(), changed: Notify::new(), ending: watch::Sender::new(false) }))
    }

    /// Serves connections until it is dropped.
    pub async fn accept(self, sockets: Sockets, guard: Arc<Guard>, resources: Arc<Resources>) {
        loop {
            self.make_room().await;
            if let Ok(stream) = sockets.accept().await {
                self.serve(stream, Arc::clone(&guard), Arc::clone(&resources));
            } else {
                // Mostly because there are too many open files.
                self.0.evict();
                sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    /// Waits until there can be a further connection.
    async fn make_room(&self) {
        loop {
            let changed = self.0.changed.notified();
            if self.0.open().len() < MAX_CONNECTIONS || self.0.evict() {
                return;
            }
            changed.await;
        }
    }

    fn serve(&self, stream: Box<dyn Stream>, guard: Arc<Guard>, resources: Arc<Resources>) {
        let shared = Arc::clone(&self.0);
        let slot =
            Arc::new(Slot { is_busy: AtomicBool::new(false), evicted: Notify::new(), shared: Arc::clone(&shared) });
        shared.open().push_back(Arc::clone(&slot));
        let mut ending = shared.ending.subscribe();
        tokio::spawn(async move {
            let service = service_fn(|request| resources.respond(request, &guard, &slot));
            let mut builder = http1::Builder::new();
            builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEAD);
            let connection = builder.serve_connection(TokioIo::new(stream), service);
            let mut connection = std::pin::pin!(connection);
            // A connection that fails was ended by its caller.
            let has_ended = tokio::select! {
                _ = connection.as_mut() => true,
                () = slot.evicted.notified() => true,
                _ = ending.wait_for(|is_ending| *is_ending) => false,
            };
            if !has_ended {
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    _ = connection => (),
                    () = slot.evicted.notified() => (),
                }
            }
            shared.remove(&slot);
        });
    }

    /// Lets callers that wait have their responses, closes the other connections, and waits until all are closed.
    pub async fn finish(&self, patience: Duration) {
        self.0.ending.send_replace(true);
        let all_closed = async {
            loop {
                let changed = self.0.changed.notified();
                // One that has sent a part of a request holds up nothing.
                while self.0.evict() {}
                if self.0.open().is_empty() {
                    return;
                }
                changed.await;
            }
        };
        let _ = timeout(patience, all_closed).await;
    }
}

//! A client whose server is a value of this process: it uses no socket, no file and no thread of the library, so that
//! Miri can run it.

use std::future::ready;
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::sync::oneshot;

use super::*;
use crate::clock::manual::ManualClock;
use crate::endpoint::{Failure, ProofRetries, TokenResponse, TokenSource};
use crate::failure_kind::FailureKind;
use crate::runtime::Runtime;
use crate::store::{Names, Store};

/// Clients, and the thread that does their work until this is dropped.
pub(crate) struct Local {
    runtime: Runtime,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    server: Arc<LocalServer>,
}

/// Issues `token-1`, `token-2` and so on, and refuses the credentials of the next requests on demand.
#[derive(Default)]
struct LocalServer {
    issued: AtomicU32,
    refusals: AtomicU32,
    /// Requests wait for this.
    gate: Mutex<Option<Arc<tokio::sync::Semaphore>>>,
}

impl Local {
    pub fn start() -> Self {
        let (sender, runtime) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let work = move || {
            let turns = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
            turns.block_on(async move {
                sender.send(Runtime::of_this_thread()).unwrap();
                let _ = stopped.await;
            });
        };
        let thread = Some(thread::spawn(work));
        Self { runtime: runtime.recv().unwrap(), stop: Some(stop), thread, server: Arc::default() }
    }

    pub fn client(&self) -> Client {
        let mut config = Config::new();
        config.token_url("http://127.0.0.1:9/oauth/token").api_url("http://127.0.0.1:9/").proxy("none");
        config.client_id("id").client_secret("the-secret").username("name").password("the-password");
        let components = LocalComponents { runtime: self.runtime.clone(), server: Arc::clone(&self.server) };
        Client::with_components(&config, Arc::new(ManualClock::new()), Box::new(components)).unwrap()
    }

    pub fn refuse_next(&self) {
        self.server.refusals.fetch_add(1, SeqCst);
    }

    /// Holds all requests until the semaphore gets a permit for each.
    pub fn hold(&self) -> Arc<tokio::sync::Semaphore> {
        let gate = Arc::new(tokio::sync::Semaphore::new(0));
        *self.server.gate.lock().unwrap() = Some(Arc::clone(&gate));
        gate
    }

    pub fn issued(&self) -> u32 {
        self.server.issued.load(SeqCst)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        drop(self.stop.take());
        self.thread.take().unwrap().join().unwrap();
    }
}

struct LocalComponents {
    runtime: Runtime,
    server: Arc<LocalServer>,
}

impl Components for LocalComponents {
    fn endpoint(&self, _: &Settings, _: &Arc<ServerClock>, _: &Arc<Counters>) -> Arc<dyn TokenSource> {
        Arc::clone(&self.server) as Arc<dyn TokenSource>
    }

    fn store(&self, _: &Settings, _: &Names, _: &Arc<Counters>) -> Option<Box<dyn Store>> {
        None
    }

    fn runtime(&self) -> Result<Runtime, Error> {
        Ok(self.runtime.clone())
    }

    fn running(&self) -> Option<Runtime> {
        Some(self.runtime.clone())
    }
}

impl LocalServer {
    fn respond(&self) -> Result<TokenResponse, Failure> {
        if self.refusals.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok() {
            let refused = Error::new(Status::CredentialsRefused, "the server does not accept the credentials");
            return Err(Failure::new(refused, FailureKind::Refused));
        }
        let number = self.issued.fetch_add(1, SeqCst) + 1;
        Ok(TokenResponse {
            access_token: format!("token-{number}").into(),
            key: None,
            scope: "raas.all".into(),
            lifetime: Duration::from_secs(86_400),
            proof_ignored: false,
        })
    }
}

impl TokenSource for LocalServer {
    fn request_token<'a>(
        &'a self,
        _: Duration,
        _: &'a mut ProofRetries,
    ) -> Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>> {
        let gate = self.gate.lock().unwrap().clone();
        match gate {
            None => Box::pin(ready(self.respond())),
            Some(gate) => Box::pin(async move {
                gate.acquire().await.unwrap().forget();
                self.respond()
            }),
        }
    }
}

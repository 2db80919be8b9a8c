//! A process of the fleet: it asks for tokens, is stopped, dies and is started again. Its calls are checked.

use std::sync::atomic::AtomicBool;

use super::server::QuotaServer;
use super::store::{Connection, Peek};
use super::*;
use crate::config::{Credentials, Settings};
use crate::endpoint::TokenSource;
use crate::runtime::Runtime;
use crate::store::{Names, Session, Store, View};
use crate::token::TokenHash;

/// Longer than any lease, now and then.
const LONGEST_STOP: Duration = Duration::from_secs(120);
/// The average time between two calls of a process.
const USUAL_PAUSE: Duration = HOUR;
/// A token that arrived is in the store after this, if its process lives on and the store takes it.
const LONGEST_WRITE: Duration = Duration::from_secs(90);
/// A process notices within this time what another process has written, or that the store is in order again.
const LONGEST_SYNC: Duration = MINUTE;
/// The longest wait after the quota is free again: where the last issue is unknown, a request is sent each hour.
const LONGEST_COOL_DOWN_ERROR: Duration = Duration::from_secs(75 * 60);
/// The longest back-off after two senders that died.
const LONGEST_BACK_OFF: Duration = Duration::from_secs(600);

pub(super) struct SimulatedProcess {
    pub simulation: Arc<Simulation>,
    machine: Arc<Machine>,
    is_alive: AtomicBool,
    stopped_until: Mutex<Duration>,
}

impl SimulatedProcess {
    fn new(simulation: &Arc<Simulation>, number: usize) -> Self {
        let machine = Arc::clone(&simulation.machines[number % simulation.machines.len()]);
        Self {
            simulation: Arc::clone(simulation),
            machine,
            is_alive: AtomicBool::new(true),
            stopped_until: Mutex::default(),
        }
    }

    /// Returns once the process is not stopped, and never if it is dead.
    async fn wait_until_running(&self) {
        loop {
            if !self.is_alive.load(SeqCst) {
                std::future::pending::<()>().await;
            }
            let rest = self.stopped_until.lock().unwrap().saturating_sub(self.simulation.elapsed());
            if rest.is_zero() {
                return;
            }
            sleep(rest).await;
        }
    }

    /// Returns true if the process is stopped now.
    fn may_stop(&self) -> bool {
        let simulation = &self.simulation;
        let is_stopped = simulation.happens(simulation.hazards.stop);
        if is_stopped {
            *self.stopped_until.lock().unwrap() = simulation.elapsed() + LONGEST_STOP.mul_f64(simulation.random());
        }
        is_stopped
    }

    /// A moment at which the process may be stopped.
    pub async fn pause(&self) {
        self.may_stop();
        self.wait_until_running().await;
    }

    pub async fn pause_during_a_request(&self) {
        if self.may_stop() {
            self.simulation.server.lock().unwrap().stops.push(self.simulation.elapsed());
        }
        self.wait_until_running().await;
    }

    fn die(&self) {
        self.is_alive.store(false, SeqCst);
    }

    pub fn die_during_a_request(&self) {
        if self.is_alive.swap(false, SeqCst) {
            self.simulation.server.lock().unwrap().deaths.push(self.simulation.elapsed());
        }
    }

    fn was_stopped_within(&self, span: Duration) -> bool {
        let stopped = *self.stopped_until.lock().unwrap();
        !stopped.is_zero() && self.simulation.elapsed() < stopped + span
    }

    /// Returns what the store holds for this process, unless that was written within `settled`.
    async fn peek(&self, settings: &Settings, settled: Duration) -> Option<View> {
        let identity = settings.identity();
        let names = Names::of(&identity);
        let store = Peek::new(&self.simulation, &names, settled)?;
        let clock = Arc::clone(&self.machine) as Arc<dyn Clock>;
        let session = Session::new(Box::new(store), "simulated".into(), &names, &identity, settings.redactor(), clock);
        session.unwrap().read().await.ok()
    }

    /// A token has arrived at this process.
    pub async fn expect_in_the_store(self: Arc<Self>, settings: Settings, hash: TokenHash) {
        let simulation = Arc::clone(&self.simulation);
        let (arrived, mut running) = (simulation.elapsed(), Duration::ZERO);
        while running < LONGEST_WRITE {
            sleep(Duration::from_secs(1)).await;
            let is_written = self
                .peek(&settings, Duration::ZERO)
                .await
                .is_some_and(|view| view.record.is_some_and(|record| record.hash() == hash));
            let (store, now) = (simulation.store.lock().unwrap(), simulation.elapsed());
            let is_lost = store.failed_over.is_some_and(|time| time >= arrived);
            if is_written || is_lost || !self.is_alive.load(SeqCst) {
                return;
            }
            let is_running = store.is_writable(now) && !self.was_stopped_within(Duration::from_secs(1));
            running = if is_running { running + Duration::from_secs(1) } else { Duration::ZERO };
        }
        simulation.report("a token that arrived is not in the store");
    }
}

struct ProcessComponents(Arc<SimulatedProcess>);

impl Components for ProcessComponents {
    fn endpoint(&self, settings: &Settings, _: &Arc<ServerClock>, _: &Arc<Counters>) -> Arc<dyn TokenSource> {
        Arc::new(QuotaServer { process: Arc::clone(&self.0), settings: settings.clone() })
    }

    fn store(&self, _: &Settings, names: &Names, _: &Arc<Counters>) -> Option<Box<dyn Store>> {
        Some(Box::new(Connection::new(&self.0, names)))
    }

    fn runtime(&self) -> Result<Runtime, Error> {
        Ok(Runtime::of_this_thread())
    }

    fn running(&self) -> Option<Runtime> {
        self.runtime().ok()
    }
}

/// Each rotation changes the password, every other one the client secret as well. The server reads the number in the
/// password.
fn secrets(rotation: usize) -> (String, String) {
    (format!("secret-{}", rotation / 2 * 2), format!("password-{rotation}"))
}

fn config(simulation: &Simulation, number: usize, rotation: usize) -> Config {
    let (secret, password) = secrets(rotation);
    let Hazards { modes, audiences, .. } = simulation.hazards;
    let mut config = Config::new();
    config.token_url("https://tango.example/oauth/token").client_id("id").client_secret(secret);
    config.username("name").password(password).dpop(modes[number % modes.len()]);
    config.audience(format!("https://api-{}.example/", (number / modes.len()) % audiences));
    config
}

/// A process that asks for a token now and then, ends now and then, and is started again.
pub(super) async fn live(simulation: Arc<Simulation>, number: usize) {
    simulation.within(MINUTE).await;
    loop {
        let process = Arc::new(SimulatedProcess::new(&simulation, number));
        let clock = Arc::clone(&process.machine) as Arc<dyn Clock>;
        let components = Box::new(ProcessComponents(Arc::clone(&process)));
        let rotation = simulation.rotations.load(SeqCst);
        let client = Client::with_components(&config(&simulation, number, rotation), clock, components).unwrap();
        let lives_for = Duration::from_secs(60 * 3600).mul_f64(simulation.random());
        call_until(&process, &client, rotation, simulation.elapsed() + lives_for).await;
        // It ends outside of a refresh, unless a request was its end.
        while process.is_alive.load(SeqCst) && !client.0.is_idle() {
            sleep(Duration::from_secs(1)).await;
        }
        process.die();
        simulation.calls.lock().unwrap().restarts += 1;
        simulation.within(MINUTE).await;
    }
}

async fn call_until(process: &SimulatedProcess, client: &Client, mut rotation: usize, ends: Duration) {
    let simulation = &*process.simulation;
    while simulation.elapsed() < ends {
        let newest = simulation.rotations.load(SeqCst);
        if rotation != newest {
            let (secret, password) = secrets(newest);
            let credentials = Credentials::new().client("id", secret).service_account("name", password);
            client.set_credentials(&credentials).unwrap();
            rotation = newest;
        }
        let result = client.acquire_async().await;
        if !process.is_alive.load(SeqCst) {
            return;
        }
        if let Err(error) = &result {
            check_error(process, client, error).await;
        }
        simulation.calls.lock().unwrap().note(simulation.elapsed(), &result);
        if let Ok(token) = &result
            && simulation.happens(simulation.hazards.rejection)
        {
            reject(process, client, token).await;
        }
        simulation.within(2 * USUAL_PAUSE).await;
    }
}

/// An API rejects a token, and then mostly accepts it.
async fn reject(process: &SimulatedProcess, client: &Client, token: &Token) {
    let simulation = &*process.simulation;
    simulation.calls.lock().unwrap().rejections += 1;
    client.invalidate(token);
    let next = client.acquire_async().await;
    if !process.is_alive.load(SeqCst) {
        return;
    }
    if let Err(error) = &next {
        check_error(process, client, error).await;
    }
    simulation.within(MINUTE).await;
    if simulation.happens(0.8) {
        client.0.accept(next.as_ref().unwrap_or(token));
    }
}

impl Calls {
    fn note(&mut self, now: Duration, result: &Result<Token, Error>) {
        match result {
            Ok(token) => {
                assert!(!token.expires_in().is_zero(), "an expired token was served");
                self.successes += 1;
                self.first_success.get_or_insert(now);
                if let Some(&(failed, _)) = self.failures.last()
                    && failed > self.last_success
                {
                    self.gaps.push((self.last_success, now));
                }
                self.last_success = now;
            }
            Err(error) if self.first_success.is_some() => self.failures.push((now, error.to_string())),
            Err(_) => {}
        }
    }
}

/// A caller gets an error only where the quota forces it, or the store cannot be used, and there is no token.
async fn check_error(process: &SimulatedProcess, client: &Client, error: &Error) {
    let simulation = &*process.simulation;
    if client.0.valid_token().is_some() {
        simulation.report(format!("an error although a token is held: {error}"));
    }
    let now = simulation.elapsed();
    let store_failed = simulation.store.lock().unwrap().failed_within(LONGEST_SYNC, now);
    if store_failed || process.was_stopped_within(LONGEST_SYNC) {
        return;
    }
    let settings = client.0.settings.load_full();
    if let Some(record) = process.peek(&settings, LONGEST_SYNC).await.and_then(|view| view.record)
        && process.machine.now() < record.requested.after(record.lifetime)
    {
        simulation.report(format!("an error although the store has a valid token: {error}"));
    }
    if !quota_forces(simulation, now) && !is_held_up(simulation, error, now) {
        simulation.report(format!("an error that the quota does not force: {error}"));
    }
}

fn quota_forces(simulation: &Simulation, now: Duration) -> bool {
    let server = simulation.server.lock().unwrap();
    // A sender that died, was stopped, or could not write the outcome may have spent the token for all that others
    // know.
    let spent = [&server.issues, &server.deaths, &server.stops, &server.unwritten];
    let last_spent = spent.into_iter().filter_map(|times| times.last()).max();
    last_spent.is_some_and(|&spent| now < spent + QUOTA + LONGEST_COOL_DOWN_ERROR)
}

/// Another process died with the lock or was stopped with it, or two died with their requests.
fn is_held_up(simulation: &Simulation, error: &Error, now: Duration) -> bool {
    let server = simulation.server.lock().unwrap();
    let died_within = |span: Duration| server.deaths.iter().filter(|&&died| now < died + span).count();
    match error.status() {
        Status::TimedOut => simulation.hazards.stop > 0.0 || died_within(MINUTE) > 0,
        Status::ConnectionLost => died_within(LONGEST_BACK_OFF + HOUR) > 1,
        _ => false,
    }
}

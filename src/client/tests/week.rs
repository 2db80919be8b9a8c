//! A week of two hundred processes in a few seconds: the real client and the real session on a clock that the test
//! owns, against a server that grants one token in 20 hours and a store whose locks open when their lease is over.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;

use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::time::{Instant, sleep};

use super::*;
use crate::clock::{BootTime, CoarseReading};
use crate::endpoint::{Failure, ProofRetries, TokenResponse, TokenSource};
use crate::failure_kind::FailureKind;
use crate::runtime::Runtime;
use crate::store::{Entry, Kind, Loaded, Names, Store, StoreFuture, TokenType};

const PROCESSES: usize = 200;
const WEEK: Duration = Duration::from_secs(7 * 86_400);
const QUOTA: Duration = Duration::from_secs(20 * 3600);
/// Longer than any lease, now and then.
const LONGEST_STOP: Duration = Duration::from_secs(120);
/// Between two calls of a process, on average.
const USUAL_PAUSE: Duration = Duration::from_secs(3600);

/// Time as the paused runtime tells it.
struct PausedClock {
    start: Instant,
}

impl PausedClock {
    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Clock for PausedClock {
    fn now(&self) -> BootTime {
        BootTime::from_ms(1_000).after(self.elapsed())
    }

    fn coarse(&self) -> CoarseReading {
        CoarseReading::at_ms(1_000 + u64::try_from(self.elapsed().as_millis()).unwrap())
    }

    fn wall_ms(&self) -> i64 {
        1_800_000_000_000 + i64::try_from(self.elapsed().as_millis()).unwrap()
    }

    fn boot_id(&self) -> Option<String> {
        None
    }
}

/// Everything that the processes share.
struct Simulation {
    clock: Arc<PausedClock>,
    chance: Mutex<TestRng>,
    dangers: Dangers,
    server: Mutex<ServerState>,
    store: Mutex<StoreState>,
    calls: Mutex<Calls>,
}

/// Probabilities.
#[derive(Clone, Copy, Default)]
struct Dangers {
    /// Of a request, that its sender dies on the way.
    death: f64,
    /// Of each step of a fetch, that the process is stopped before it or after it, and goes on later.
    stop: f64,
}

#[derive(Default)]
struct ServerState {
    issues: Vec<Duration>,
    /// `TokenResponse` to senders that died before they wrote them.
    lost: Vec<Duration>,
    /// Refusals that reached their sender, with the time before which it should not have been asked again.
    refused: Vec<(Duration, Duration)>,
    requests: Vec<Duration>,
    /// Sent though somebody had written that it is in vain.
    against_the_ledger: Vec<Duration>,
    /// Processes that were stopped while they waited for an answer, or before they had written it.
    stops: usize,
}

impl ServerState {
    /// Answers a sender that `dies` before the answer reaches it, or not.
    fn answer(&mut self, now: Duration, dies: bool) -> Result<TokenResponse, Failure> {
        let returns = self.issues.last().map(|&issued| issued + QUOTA);
        if let Some(returns) = returns.filter(|&returns| now < returns) {
            if !dies {
                self.refused.push((now, returns));
            }
            let error = Error::new(Status::QuotaRefused, "the daily limit");
            return Err(Failure::new(error, FailureKind::Quota { retry_after: None }));
        }
        self.issues.push(now);
        if dies {
            self.lost.push(now);
        }
        let access_token = format!("token-{}", self.issues.len()).into();
        Ok(TokenResponse { access_token, key: None, scope: "raas.all".into(), lifetime: DAY, proof_ignored: false })
    }
}

#[derive(Default)]
struct StoreState {
    record: Option<Vec<u8>>,
    ledger: Option<Vec<u8>>,
    /// The longest cool-down that was ever written since the last token was issued, by whomever.
    closed_until_ms: i64,
    lock: Option<(usize, Duration)>,
    owners: usize,
}

/// When callers were served and when not.
#[derive(Default)]
struct Calls {
    first_success: Option<Duration>,
    last_success: Duration,
    failures: Vec<Duration>,
    gaps: Vec<(Duration, Duration)>,
    restarts: usize,
}

impl Simulation {
    fn new(seed: u8, dangers: Dangers) -> Self {
        Self {
            clock: Arc::new(PausedClock { start: Instant::now() }),
            chance: Mutex::new(TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])),
            dangers,
            server: Mutex::default(),
            store: Mutex::default(),
            calls: Mutex::default(),
        }
    }

    /// In `0.0..1.0`.
    fn random(&self) -> f64 {
        use proptest::prelude::RngExt;
        self.chance.lock().unwrap().random()
    }

    async fn within(&self, span: Duration) {
        sleep(span.mul_f64(self.random())).await;
    }

    fn config() -> Config {
        let mut config = Config::new();
        config.token_url("https://tango.example/oauth/token").client_id("id").client_secret("secret");
        config.username("name").password("password");
        config
    }
}

/// One process: what it does ends with its life, wherever it is.
struct SimulatedProcess {
    stage: Arc<Simulation>,
    is_alive: AtomicBool,
    stopped_until: Mutex<Duration>,
}

impl SimulatedProcess {
    fn new(stage: &Arc<Simulation>) -> Self {
        Self { stage: Arc::clone(stage), is_alive: AtomicBool::new(true), stopped_until: Mutex::default() }
    }

    /// Goes on if the process is alive, once it is not stopped, and else never.
    async fn goes_on(&self) {
        loop {
            if !self.is_alive.load(SeqCst) {
                std::future::pending::<()>().await;
            }
            let rest = self.stopped_until.lock().unwrap().saturating_sub(self.stage.clock.elapsed());
            if rest.is_zero() {
                return;
            }
            sleep(rest).await;
        }
    }

    /// True if it is stopped now.
    fn may_be_stopped(&self) -> bool {
        let stage = &self.stage;
        let is_stopped = stage.random() < stage.dangers.stop;
        if is_stopped {
            *self.stopped_until.lock().unwrap() = stage.clock.elapsed() + LONGEST_STOP.mul_f64(stage.random());
        }
        is_stopped
    }

    /// In the middle of a fetch.
    async fn in_the_middle(&self) {
        if self.may_be_stopped() {
            self.stage.server.lock().unwrap().stops += 1;
        }
        self.goes_on().await;
    }

    async fn elsewhere(&self) {
        self.may_be_stopped();
        self.goes_on().await;
    }

    fn die(&self) {
        self.is_alive.store(false, SeqCst);
    }
}

struct ProcessComponents(Arc<SimulatedProcess>);

impl Components for ProcessComponents {
    fn endpoint(&self, _: &Settings, _: &Arc<ServerClock>) -> Result<Arc<dyn TokenSource>, Error> {
        Ok(Arc::new(QuotaServer(Arc::clone(&self.0))))
    }

    fn store(&self, _: &Settings, _: &Names) -> Option<Box<dyn Store>> {
        let mut store = self.0.stage.store.lock().unwrap();
        store.owners += 1;
        Some(Box::new(Leased { process: Arc::clone(&self.0), owner: store.owners }))
    }

    fn runtime(&self) -> Result<Runtime, Error> {
        Ok(Runtime::of_this_thread())
    }

    fn running(&self) -> Option<Runtime> {
        self.runtime().ok()
    }
}

struct QuotaServer(Arc<SimulatedProcess>);

impl QuotaServer {
    async fn answer(&self) -> Result<TokenResponse, Failure> {
        let SimulatedProcess { stage, .. } = &*self.0;
        if stage.clock.wall_ms() < stage.store.lock().unwrap().closed_until_ms {
            stage.server.lock().unwrap().against_the_ledger.push(stage.clock.elapsed());
        }
        let dies = stage.random() < stage.dangers.death;
        stage.within(Duration::from_secs(1)).await;
        if dies && stage.random() < 0.3 {
            self.0.die();
        }
        self.0.in_the_middle().await;
        let outcome = {
            let now = stage.clock.elapsed();
            let mut server = stage.server.lock().unwrap();
            server.requests.push(now);
            server.answer(now, dies)
        };
        if outcome.is_ok() {
            stage.store.lock().unwrap().closed_until_ms = 0;
        }
        if dies {
            self.0.die();
        }
        stage.within(Duration::from_secs(1)).await;
        self.0.in_the_middle().await;
        outcome
    }
}

impl TokenSource for QuotaServer {
    fn request_token<'a>(
        &'a self,
        _: Duration,
        _: &'a mut ProofRetries,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<TokenResponse, Failure>> + Send + 'a>> {
        Box::pin(self.answer())
    }
}

struct Leased {
    process: Arc<SimulatedProcess>,
    owner: usize,
}

impl Leased {
    async fn with<T>(&self, work: impl FnOnce(&mut StoreState, Duration) -> T) -> Result<T, crate::store::StoreError> {
        let stage = &self.process.stage;
        stage.within(Duration::from_millis(5)).await;
        self.process.elsewhere().await;
        let outcome = work(&mut stage.store.lock().unwrap(), stage.clock.elapsed());
        self.process.elsewhere().await;
        Ok(outcome)
    }
}

impl Store for Leased {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        Box::pin(self.with(|store, _| Loaded {
            records: store.record.iter().map(|record| (TokenType::Bearer, record.clone())).collect(),
            ledger: store.ledger.clone(),
            unix_ms: Some(self.process.stage.clock.wall_ms()),
        }))
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool> {
        Box::pin(self.with(move |store, now| {
            if !store.lock.is_some_and(|(owner, until)| owner == self.owner && now < until) {
                return false;
            }
            for entry in entries {
                match entry.kind {
                    Kind::Record(_) => store.record.clone_from(&entry.bytes),
                    Kind::Ledger => {
                        let page: serde_json::Value = serde_json::from_slice(entry.bytes.as_ref().unwrap()).unwrap();
                        let closed_until = page["cool_down_until_ms"].as_i64().unwrap_or_default();
                        store.closed_until_ms = store.closed_until_ms.max(closed_until);
                        store.ledger.clone_from(&entry.bytes);
                    }
                    Kind::Rejected => panic!("nobody damages a record here"),
                }
            }
            true
        }))
    }

    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.with(move |store, now| {
            let belongs_to_another = store.lock.is_some_and(|(owner, until)| owner != self.owner && now < until);
            if !belongs_to_another {
                store.lock = Some((self.owner, now + lease));
            }
            !belongs_to_another
        }))
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.with(move |store, now| {
            let lock = store.lock.as_mut().filter(|(owner, until)| *owner == self.owner && now < *until);
            lock.map(|(_, until)| *until = now + lease).is_some()
        }))
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.with(move |store, _| {
            store.lock.take_if(|(owner, _)| *owner == self.owner);
        }))
    }
}

/// A process that asks for a token now and then, dies now and then, and is started again.
async fn live(stage: Arc<Simulation>) {
    stage.within(Duration::from_secs(60)).await;
    loop {
        let process = Arc::new(SimulatedProcess::new(&stage));
        let clock = Arc::clone(&stage.clock) as Arc<dyn Clock>;
        let client =
            Client::with_components(&Simulation::config(), clock, Box::new(ProcessComponents(Arc::clone(&process))))
                .unwrap();
        let lives_for = Duration::from_secs(60 * 3600).mul_f64(stage.random());
        let ends = stage.clock.elapsed() + lives_for;
        while stage.clock.elapsed() < ends {
            let outcome = client.acquire_async().await;
            if !process.is_alive.load(SeqCst) {
                break;
            }
            note(&stage, &outcome);
            stage.within(2 * USUAL_PAUSE).await;
        }
        // It ends outside of a fetch, unless a request was its end.
        while process.is_alive.load(SeqCst) && !nothing_under_way(&client) {
            sleep(Duration::from_secs(1)).await;
        }
        process.die();
        stage.calls.lock().unwrap().restarts += 1;
        stage.within(Duration::from_secs(60)).await;
    }
}

fn nothing_under_way(client: &Client) -> bool {
    client.0.is_idle()
}

fn note(stage: &Simulation, outcome: &Result<Token, Error>) {
    let now = stage.clock.elapsed();
    let mut calls = stage.calls.lock().unwrap();
    match outcome {
        Ok(token) => {
            assert!(!token.expires_in().is_zero(), "an ended token was served");
            calls.first_success.get_or_insert(now);
            if let Some(&failed) = calls.failures.last()
                && failed > calls.last_success
            {
                let gap = (calls.last_success, now);
                calls.gaps.push(gap);
            }
            calls.last_success = now;
        }
        Err(_) if calls.first_success.is_some() => calls.failures.push(now),
        Err(_) => {}
    }
}

/// What happened in a week.
fn week(seed: u8, dangers: Dangers) -> (ServerState, Calls) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let stage = Arc::new(Simulation::new(seed, dangers));
        for _ in 0..PROCESSES {
            tokio::spawn(live(Arc::clone(&stage)));
        }
        sleep(WEEK).await;
        let (server, calls) = (&mut *stage.server.lock().unwrap(), &mut *stage.calls.lock().unwrap());
        (std::mem::take(server), std::mem::take(calls))
    })
}

#[test]
fn with_crashes_outside_the_fetch_nobody_is_ever_without_a_token() {
    let (server, calls) = week(1, Dangers::default());
    assert!(calls.restarts > PROCESSES, "they crash: {}", calls.restarts);
    assert_eq!(calls.failures, []);
    assert_eq!(server.requests.len(), server.issues.len(), "each request brought a token");
    assert!((7..=9).contains(&server.issues.len()), "one for each 20 to 24 hours: {:?}", server.issues);
}

#[test]
fn with_crashes_inside_the_fetch_the_quota_alone_makes_the_gaps() {
    let mut lost_tokens = 0;
    for seed in 2..5 {
        let (server, calls) = week(seed, Dangers { death: 0.4, stop: 0.0 });
        lost_tokens += server.lost.len();
        assert_eq!(server.against_the_ledger, []);
        for &(refused, returns) in &server.refused {
            let early = server.requests.iter().find(|&&sent| refused < sent && sent < returns);
            assert_eq!(early, None, "sent inside the cool-down from {refused:?} to {returns:?}");
        }
        for &(from, to) in &calls.gaps {
            let lost = server.lost.iter().filter(|&&lost| from <= lost + 4 * HOUR && lost <= to).count();
            let longest = (QUOTA + HOUR / 4) * u32::try_from(lost).unwrap();
            assert!(to <= from + longest, "from {from:?} to {to:?} with {lost} lost tokens: {:?}", server.lost);
        }
    }
    assert!(lost_tokens > 0, "nobody crashed at the wrong moment");
}

#[test]
fn processes_that_are_stopped_and_go_on_send_nothing_inside_a_cool_down() {
    for (seed, death) in [(10, 0.0), (11, 0.0), (12, 0.3), (13, 0.3)] {
        let (server, calls) = week(seed, Dangers { death, stop: 0.4 });
        assert_eq!(server.against_the_ledger, [], "seed {seed}");
        let in_vain = server.requests.len() - server.issues.len();
        assert!(in_vain <= server.stops + server.lost.len(), "seed {seed}: {in_vain} of {}", server.requests.len());
        assert!(server.issues.len() >= 6 && calls.first_success.is_some(), "seed {seed}: {:?}", server.issues);
    }
}

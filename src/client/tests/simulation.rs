//! A fleet on a paused clock: the real client and the real session, a server that grants one token in 20 hours, and a
//! store whose locks open when their lease ends. Days pass in a second.

mod process;
mod server;
mod store;

use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, AtomicUsize};

use proptest::test_runner::{RngAlgorithm, TestRng};
use tokio::time::{Instant, sleep};

use super::*;
use crate::clock::{BootTime, CoarseReading};
use crate::dpop::DpopMode;
use crate::random::seeded;
use process::live;
pub use server::ServerState;
pub use store::StoreState;

pub const QUOTA: Duration = Duration::from_secs(20 * 3600);
pub const NEVER: [Duration; 0] = [];
pub const DEFAULT_HAZARDS: Hazards = Hazards {
    death: 0.0,
    stop: 0.0,
    rejection: 0.0,
    write_refusal: 0.0,
    store_failures: false,
    wall_clocks: WallClocks::Right,
    rotation: None,
    modes: &[DpopMode::Off],
    audiences: 1,
};

/// What goes wrong. The first four are probabilities.
#[derive(Clone, Copy)]
pub struct Hazards {
    /// The sender of a request dies before it has written the outcome.
    pub death: f64,
    /// The process is stopped before or after a step of a refresh, and continues later.
    pub stop: f64,
    /// An API rejects a token, which it accepts soon after.
    pub rejection: f64,
    /// The store refuses writes as a token arrives.
    pub write_refusal: f64,
    /// Now and then the store cannot be reached, refuses writes, or fails over and loses the last writes or everything.
    pub store_failures: bool,
    pub wall_clocks: WallClocks,
    /// How often the client secret or the password changes.
    pub rotation: Option<Duration>,
    /// The DPoP modes of the processes.
    pub modes: &'static [DpopMode],
    /// The number of audiences that the processes are for.
    pub audiences: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum WallClocks {
    Right,
    /// Each machine's is set to another wrong time now and then. Shared times are counted on the clock of the store.
    Wrong,
    /// All processes run on one machine, whose clock is set by minutes now and then. The store has no clock.
    Set,
}

/// Everything that the processes share.
pub struct Simulation {
    start: Instant,
    chance: Mutex<TestRng>,
    pub hazards: Hazards,
    pub server: Mutex<ServerState>,
    pub store: Mutex<StoreState>,
    pub calls: Mutex<Calls>,
    machines: Vec<Arc<Machine>>,
    /// How often the credentials have changed.
    rotations: AtomicUsize,
    violations: Mutex<Vec<String>>,
}

/// The clocks of one machine.
pub struct Machine {
    start: Instant,
    number: u64,
    wall_error_ms: AtomicI64,
}

/// The calls of all processes.
#[derive(Default)]
pub struct Calls {
    pub first_success: Option<Duration>,
    pub last_success: Duration,
    pub successes: usize,
    pub failures: Vec<(Duration, String)>,
    /// The times between two successful calls with failed ones between them.
    pub gaps: Vec<(Duration, Duration)>,
    pub restarts: usize,
    pub rejections: usize,
}

/// The results of a simulation.
pub struct Results {
    pub server: ServerState,
    pub calls: Calls,
    /// What must not happen, with its time.
    pub violations: Vec<String>,
}

/// Runs `processes` for `span`.
pub fn simulate(seed: u8, processes: usize, span: Duration, hazards: Hazards) -> Results {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    seeded::seed(Some(seed.into()));
    let results = runtime.block_on(async {
        let simulation = Arc::new(Simulation::new(seed, hazards));
        for number in 0..processes {
            tokio::spawn(live(Arc::clone(&simulation), number));
        }
        simulation.start_hazards();
        sleep(span).await;
        let take = |simulation: &Simulation| Results {
            server: std::mem::take(&mut simulation.server.lock().unwrap()),
            calls: std::mem::take(&mut simulation.calls.lock().unwrap()),
            violations: std::mem::take(&mut simulation.violations.lock().unwrap()),
        };
        take(&simulation)
    });
    seeded::seed(None);
    results.print_figures(span);
    results
}

impl Results {
    /// For the table of docs/reliability.md.
    fn print_figures(&self, span: Duration) {
        let Self { server, calls, .. } = self;
        println!("Figure: {} simulated days", span.as_secs() / DAY.as_secs());
        println!("Figure: {} restarts", calls.restarts);
        println!("Figure: {} processes died or stopped inside a request", server.deaths.len() + server.stops.len());
        println!("Figure: {} tokens granted, no request against the ledger", server.issues.len());
    }
}

impl Simulation {
    fn new(seed: u8, hazards: Hazards) -> Self {
        let start = Instant::now();
        let machines = if hazards.wall_clocks == WallClocks::Wrong { 4 } else { 1 };
        let machine = |number| Arc::new(Machine { start, number, wall_error_ms: AtomicI64::new(0) });
        Self {
            start,
            chance: Mutex::new(TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32])),
            hazards,
            server: Mutex::default(),
            store: Mutex::default(),
            calls: Mutex::default(),
            machines: (0..machines).map(machine).collect(),
            rotations: AtomicUsize::new(0),
            violations: Mutex::default(),
        }
    }

    fn start_hazards(self: &Arc<Self>) {
        if self.hazards.store_failures {
            tokio::spawn(store::fail_now_and_then(Arc::clone(self)));
        }
        if self.hazards.wall_clocks != WallClocks::Right {
            tokio::spawn(Arc::clone(self).set_wall_clocks());
        }
        if let Some(interval) = self.hazards.rotation {
            tokio::spawn(Arc::clone(self).rotate(interval));
        }
    }

    pub fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    /// The right time.
    pub fn unix_ms(&self) -> i64 {
        1_800_000_000_000 + ms(self.elapsed())
    }

    /// A number in `0.0..1.0`.
    pub fn random(&self) -> f64 {
        use proptest::prelude::RngExt;
        self.chance.lock().unwrap().random()
    }

    pub fn happens(&self, probability: f64) -> bool {
        probability > 0.0 && self.random() < probability
    }

    /// Sleeps for a part of `span`.
    pub async fn within(&self, span: Duration) {
        sleep(span.mul_f64(self.random())).await;
    }

    pub fn report(&self, violation: impl std::fmt::Display) {
        self.violations.lock().unwrap().push(format!("{:.3} h: {violation}", self.elapsed().as_secs_f64() / 3600.0));
    }

    /// Returns whether shared times are counted on a clock of the store.
    fn store_has_clock(&self) -> bool {
        self.hazards.wall_clocks != WallClocks::Set
    }

    async fn set_wall_clocks(self: Arc<Self>) {
        let longest = if self.store_has_clock() { 10 * DAY } else { HOUR / 4 };
        loop {
            for machine in &self.machines {
                let error = ms(longest.mul_f64(self.random())) - ms(longest / 2);
                machine.wall_error_ms.store(error, SeqCst);
            }
            self.within(DAY).await;
        }
    }

    async fn rotate(self: Arc<Self>, interval: Duration) {
        loop {
            sleep(interval).await;
            let number = self.rotations.fetch_add(1, SeqCst) + 1;
            // The server accepts the former credentials until all processes have the new ones.
            sleep(3 * HOUR).await;
            self.server.lock().unwrap().oldest_credentials = number;
        }
    }
}

impl Clock for Machine {
    fn now(&self) -> BootTime {
        // Each machine was started at another time.
        BootTime::from_ms(1_000 + i64::try_from(self.number).unwrap() * 50_000_000).after(self.start.elapsed())
    }

    fn coarse(&self) -> CoarseReading {
        let monotonic = 1_000 + u64::try_from(self.start.elapsed().as_millis()).unwrap();
        CoarseReading::new(monotonic, self.wall_ms().unsigned_abs())
    }

    fn wall_ms(&self) -> i64 {
        1_800_000_000_000 + ms(self.start.elapsed()) + self.wall_error_ms.load(SeqCst)
    }

    fn boot_id(&self) -> Option<String> {
        Some(format!("boot-{}", self.number))
    }
}

fn ms(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap()
}

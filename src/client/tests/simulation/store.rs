//! The shared store, as a server that fails in the ways of one.

use std::collections::{HashMap, VecDeque};

use super::process::SimulatedProcess;
use super::*;
use crate::store::{Entry, Kind, Loaded, Names, Store, StoreError, StoreFuture};

#[derive(Default)]
pub struct StoreState {
    content: Content,
    owners: usize,
    /// The end of the longest cool-down that the ledger says, or said since the last token was issued.
    pub closed_until: Duration,
    /// The contents before the last writes, with the times of the writes.
    history: VecDeque<(Duration, Content)>,
    unreachable_until: Duration,
    refuses_writes_until: Duration,
    /// When the store last lost something.
    pub failed_over: Option<Duration>,
    pub failures: usize,
}

#[derive(Clone, Default)]
struct Content {
    /// With the time when the entry got this value.
    entries: HashMap<String, (Duration, Vec<u8>)>,
    lock: Option<(usize, Duration)>,
}

impl StoreState {
    pub fn refuse_writes_until(&mut self, until: Duration) {
        self.failures += 1;
        self.refuses_writes_until = self.refuses_writes_until.max(until);
    }

    /// Loses the writes of the last `lost`, locks included; all of them if `lost` is longer than a minute.
    fn fail_over(&mut self, now: Duration, lost: Duration) {
        self.failures += 1;
        self.failed_over = Some(now);
        self.closed_until = Duration::ZERO;
        if lost > MINUTE {
            self.content = Content::default();
        } else {
            let first_lost = self.history.iter().position(|&(written, _)| written + lost > now);
            if let Some(place) = first_lost {
                self.content = self.history[place].1.clone();
            }
        }
        self.history.clear();
    }

    pub fn is_writable(&self, now: Duration) -> bool {
        now >= self.unreachable_until.max(self.refuses_writes_until)
    }

    /// Returns whether the store failed or lost something within `span`.
    pub fn failed_within(&self, span: Duration, now: Duration) -> bool {
        let recovered = self.unreachable_until.max(self.refuses_writes_until);
        let lost = self.failed_over.is_some_and(|time| now < time + span);
        lost || (recovered > Duration::ZERO && now < recovered + span)
    }

    fn write(&mut self, simulation: &Simulation, names: &Names, entries: &[Entry]) {
        let now = simulation.elapsed();
        self.history.push_back((now, self.content.clone()));
        self.history.retain(|&(written, _)| written + MINUTE > now);
        for Entry { kind, bytes, .. } in entries {
            let name = names.entry(*kind);
            match bytes {
                None => drop(self.content.entries.remove(&name)),
                Some(bytes) => {
                    if *kind == Kind::Ledger {
                        self.note_cool_down(simulation, bytes);
                    }
                    let is_same = self.content.entries.get(&name).is_some_and(|(_, former)| former == bytes);
                    if !is_same {
                        self.content.entries.insert(name, (now, bytes.clone()));
                    }
                }
            }
        }
    }

    fn note_cool_down(&mut self, simulation: &Simulation, ledger: &[u8]) {
        let ledger: serde_json::Value = serde_json::from_slice(ledger).unwrap();
        let boot = ledger["clock"]["boot_id"].as_str().unwrap().to_owned();
        let machine = simulation.machines.iter().find(|machine| machine.boot_id() == Some(boot.clone())).unwrap();
        // When the clocks in the ledger were read, as this simulation counts.
        let read_ago = machine.now().as_ms() - ledger["clock"]["boot_ms"].as_i64().unwrap();
        let read = ms(simulation.elapsed()) - read_ago;
        let time = |name: &str| {
            let unix_ms = ledger[name].as_i64()? - ledger["clock"]["unix_ms"].as_i64().unwrap();
            Some(Duration::from_millis(u64::try_from((read + unix_ms).max(0)).unwrap()))
        };
        let closed_until = time("cool_down_until_ms").unwrap_or_default();
        let issued_now = time("last_issue_ms").is_some_and(|issued| issued + MINUTE > simulation.elapsed());
        self.closed_until = if issued_now { closed_until } else { self.closed_until.max(closed_until) };
    }

    fn load(&self, names: &Names, unix_ms: Option<i64>) -> Loaded {
        let entry = |kind| self.content.entries.get(&names.entry(kind)).map(|(_, bytes)| bytes.clone());
        let record = |&token_type| Some((token_type, entry(Kind::Record(token_type))?));
        Loaded { records: names.reads().iter().filter_map(record).collect(), ledger: entry(Kind::Ledger), unix_ms }
    }

    /// When the record that was written last of those that `names` reads was written.
    fn record_written(&self, names: &Names) -> Option<Duration> {
        let written = |&token_type| Some(self.content.entries.get(&names.entry(Kind::Record(token_type)))?.0);
        names.reads().iter().filter_map(written).max()
    }
}

/// The store as one refresh of a process reaches it.
pub(super) struct Connection {
    process: Arc<SimulatedProcess>,
    names: Names,
    owner: usize,
}

impl Connection {
    pub fn new(process: &Arc<SimulatedProcess>, names: &Names) -> Self {
        let mut store = process.simulation.store.lock().unwrap();
        store.owners += 1;
        Self { process: Arc::clone(process), names: names.clone(), owner: store.owners }
    }

    async fn with<T>(
        &self,
        is_write: bool,
        work: impl FnOnce(&mut StoreState, Duration) -> T,
    ) -> Result<T, StoreError> {
        let simulation = &self.process.simulation;
        simulation.within(Duration::from_millis(5)).await;
        self.process.pause().await;
        if simulation.elapsed() < simulation.store.lock().unwrap().unreachable_until {
            simulation.within(Duration::from_secs(5)).await;
            return Err(StoreError::transient("it cannot be reached"));
        }
        let result = {
            let (mut store, now) = (simulation.store.lock().unwrap(), simulation.elapsed());
            if is_write && now < store.refuses_writes_until {
                return Err(StoreError::transient("it refuses writes"));
            }
            work(&mut store, now)
        };
        self.process.pause().await;
        Ok(result)
    }
}

impl Store for Connection {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        Box::pin(self.with(false, |store, _| {
            let simulation = &self.process.simulation;
            store.load(&self.names, simulation.store_has_clock().then(|| simulation.unix_ms()))
        }))
    }

    fn save<'a>(&'a self, entries: &'a [Entry]) -> StoreFuture<'a, bool> {
        Box::pin(self.with(true, move |store, now| {
            let is_locked = store.content.lock.is_some_and(|(owner, until)| owner == self.owner && now < until);
            if is_locked {
                store.write(&self.process.simulation, &self.names, entries);
            }
            is_locked
        }))
    }

    fn lock(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.with(true, move |store, now| {
            let lock = &mut store.content.lock;
            let belongs_to_another = lock.is_some_and(|(owner, until)| owner != self.owner && now < until);
            if !belongs_to_another {
                *lock = Some((self.owner, now + lease));
            }
            !belongs_to_another
        }))
    }

    fn has_leases(&self) -> bool {
        true
    }

    fn extend(&self, lease: Duration) -> StoreFuture<'_, bool> {
        Box::pin(self.with(true, move |store, now| {
            let lock = store.content.lock.as_mut().filter(|(owner, until)| *owner == self.owner && now < *until);
            lock.map(|(_, until)| *until = now + lease).is_some()
        }))
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        Box::pin(self.with(true, move |store, _| {
            store.content.lock.take_if(|(owner, _)| *owner == self.owner);
        }))
    }
}

/// The content of the store at this moment, for the simulation itself.
pub(super) struct Peek(Loaded);

impl Peek {
    /// `None` if a record was written within `settled`: a process need not know it yet.
    pub fn new(simulation: &Simulation, names: &Names, settled: Duration) -> Option<Self> {
        let (store, now) = (simulation.store.lock().unwrap(), simulation.elapsed());
        let is_settled = store.record_written(names).is_some_and(|written| written + settled <= now);
        is_settled.then(|| Self(store.load(names, simulation.store_has_clock().then(|| simulation.unix_ms()))))
    }
}

impl Store for Peek {
    fn load(&self) -> StoreFuture<'_, Loaded> {
        let Loaded { records, ledger, unix_ms } = &self.0;
        let copy = Loaded { records: records.clone(), ledger: ledger.clone(), unix_ms: *unix_ms };
        Box::pin(std::future::ready(Ok(copy)))
    }

    fn save<'a>(&'a self, _: &'a [Entry]) -> StoreFuture<'a, bool> {
        unreachable!("it is only read")
    }

    fn lock(&self, _: Duration) -> StoreFuture<'_, bool> {
        unreachable!("it is only read")
    }

    fn has_leases(&self) -> bool {
        true
    }

    fn extend(&self, _: Duration) -> StoreFuture<'_, bool> {
        unreachable!("it is only read")
    }

    fn unlock(&self) -> StoreFuture<'_, ()> {
        unreachable!("it is only read")
    }
}

/// Four ways to fail, twice a day.
pub(super) async fn fail_now_and_then(simulation: Arc<Simulation>) {
    loop {
        simulation.within(DAY).await;
        let (kind, span) = (simulation.random(), Duration::from_secs(300).mul_f64(simulation.random()));
        let (mut store, now) = (simulation.store.lock().unwrap(), simulation.elapsed());
        if kind < 0.25 {
            store.failures += 1;
            store.unreachable_until = now + span;
        } else if kind < 0.5 {
            store.refuse_writes_until(now + span);
        } else if kind < 0.9 {
            store.fail_over(now, span / 60);
        } else {
            store.fail_over(now, HOUR);
        }
    }
}

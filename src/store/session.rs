//! The shared cache as one fetch uses it: tokens and ledgers go in and come out, whatever the store.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{SHA256, digest};
use secrecy::ExposeSecret;

use super::ledger::{self, Page};
use super::record::{self, Record, Unusable};
use super::seal::{self, Seal};
use super::timeline::Timeline;
use super::{Entry, Kind, Names, Store, Trouble};
use crate::clock::Clock;
use crate::config::Settings;
use crate::dpop::Binding;
use crate::error::{Error, Status};
use crate::policy::Ledger;
use crate::secret::Redactor;
use crate::token::{Token, TokenHash};

/// Longer than any cool-down, and than the span in which the last issue matters.
const KEEP_LEDGER: Duration = Duration::from_secs(48 * 3600);
const KEEP_REJECTED: Duration = Duration::from_secs(7 * 24 * 3600);

/// The cache of one set of credentials, open for one fetch.
pub(crate) struct Session {
    store: Box<dyn Store>,
    clock: Arc<dyn Clock>,
    seal: Seal,
    binding: Option<Binding>,
    redactor: Redactor,
    /// Whose credentials these are, for those who were refused.
    who: Option<String>,
    timeline: Timeline,
    is_locked: bool,
    /// The record that was set aside, by its hash, so that it is once.
    set_aside: Option<Vec<u8>>,
    rejected_records: u64,
    refused: Option<TokenHash>,
    last_ledger: LastLedger,
}

/// The ledger as it was read or written last.
enum LastLedger {
    Is(Option<Vec<u8>>),
    /// What could not be written may be there or not.
    Unknown,
}

/// What the cache holds.
pub(crate) struct View {
    pub record: Option<Record>,
    /// There is a record that was sealed with another client secret, which may be the right one.
    pub has_anothers_record: bool,
    /// The token that an API refused last.
    pub refused: Option<TokenHash>,
    pub ledger: Ledger,
    /// The refusal that closed the ledger.
    pub failure: Option<Error>,
}

impl Session {
    pub fn new(
        store: Box<dyn Store>,
        names: &Names,
        settings: &Settings,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, Trouble> {
        let request = &settings.request;
        let timeline = Timeline::of_machine(&*clock);
        Ok(Self {
            store,
            timeline,
            clock,
            seal: Seal::new(&request.client_secret, names.key())?,
            binding: settings.binding.clone(),
            redactor: settings.redactor(),
            who: seal::fingerprint(&request.client_secret, request.password.expose_secret().as_bytes()),
            is_locked: false,
            set_aside: None,
            rejected_records: 0,
            refused: None,
            last_ledger: LastLedger::Unknown,
        })
    }

    pub fn is_locked(&self) -> bool {
        self.is_locked
    }

    pub async fn lock(&mut self, lease: Duration) -> Result<bool, Trouble> {
        self.is_locked = self.store.lock(lease).await?;
        Ok(self.is_locked)
    }

    /// Nothing is written any more by who has lost the lock.
    pub fn lose_lock(&mut self) {
        self.is_locked = false;
    }

    /// Whether nobody else has written the ledger since it was read or written here. No, if it cannot be read.
    pub async fn is_alone(&self) -> bool {
        let loaded = self.store.load().await;
        loaded.is_ok_and(|loaded| match &self.last_ledger {
            LastLedger::Is(last) => loaded.ledger == *last,
            LastLedger::Unknown => true,
        })
    }

    /// Opens the lock if it was taken. Where that fails it opens by itself.
    pub async fn unlock(&mut self) {
        if std::mem::take(&mut self.is_locked)
            && let Err(trouble) = self.store.unlock().await
        {
            tracing::warn!("the lock of the shared cache opens only when its lease ends: {trouble}");
        }
    }

    pub async fn load(&mut self) -> Result<View, Trouble> {
        // The server's clock is read after this, so that what it says is never taken for later than it was.
        let now = self.clock.now();
        let loaded = self.store.load().await?;
        self.timeline = match loaded.unix_ms {
            Some(unix_ms) => Timeline::of_store(now, unix_ms),
            None => Timeline::of_machine(&*self.clock),
        };
        self.last_ledger = LastLedger::Is(loaded.ledger.clone());
        let page = loaded.ledger.and_then(|bytes| self.read_ledger(&bytes)).unwrap_or_default();
        self.rejected_records = self.rejected_records.max(page.rejected_records);
        self.refused = page.refused;
        let (mut record, mut has_anothers_record) = (None, false);
        if let Some(bytes) = loaded.record {
            has_anothers_record = self.seal.is_anothers(&bytes);
            record = self.open(&bytes).await;
        }
        Ok(View { record, has_anothers_record, refused: page.refused, ledger: page.ledger, failure: page.failure })
    }

    fn read_ledger(&self, bytes: &[u8]) -> Option<Page> {
        let page = ledger::read(bytes, &self.timeline, self.who.as_deref(), &self.redactor);
        if page.is_none() {
            tracing::warn!("the ledger in the shared cache cannot be read and counts as missing");
        }
        page
    }

    /// A record that cannot be opened is set aside for somebody to look at, and counts as missing. It stays in its
    /// place until there is a better one: it may be another's, whose secret is right.
    async fn open(&mut self, bytes: &[u8]) -> Option<Record> {
        let problem = match self.seal.open(bytes) {
            Ok(plain) => match record::read(&plain, &self.timeline, self.binding.as_ref()) {
                Ok(record) => return Some(record),
                Err(Unusable::Malformed) => "does not hold a whole token".to_owned(),
                Err(unusable) => {
                    tracing::debug!("the token in the shared cache is of no use to this client ({unusable:?})");
                    return None;
                }
            },
            Err(unreadable) => format!("cannot be opened ({unreadable:?})"),
        };
        let hash = digest(&SHA256, bytes).as_ref().to_vec();
        if self.set_aside.as_ref() != Some(&hash) {
            self.rejected_records += 1;
            tracing::error!("a record in the shared cache {problem}; it is set aside and counts as missing");
            let aside = Entry { kind: Kind::Rejected, bytes: Some(bytes.to_vec()), keep: KEEP_REJECTED };
            if let Err(trouble) = self.store.save(&[aside]).await {
                tracing::warn!("it could not be set aside: {trouble}");
            }
            self.set_aside = Some(hash);
        }
        None
    }

    /// Writes the ledger, and a token if there is a new one.
    pub async fn save(
        &mut self,
        token: Option<&Token>,
        ledger: &Ledger,
        failure: Option<&Error>,
    ) -> Result<(), Trouble> {
        let page = Page {
            ledger: ledger.clone(),
            failure: failure.cloned(),
            rejected_records: self.rejected_records,
            refused: self.refused,
        };
        let bytes = ledger::write(&page, &self.timeline, self.who.as_deref());
        let mut entries = Vec::with_capacity(2);
        if let Some(token) = token {
            let sealed = self.seal.seal(&record::write(token, &self.timeline))?;
            entries.push(Entry { kind: Kind::Record, bytes: Some(sealed), keep: token.expires_in() });
        }
        entries.push(Entry { kind: Kind::Ledger, bytes: Some(bytes.clone()), keep: KEEP_LEDGER });
        self.last_ledger = LastLedger::Unknown;
        self.store.save(&entries).await?;
        self.last_ledger = LastLedger::Is(Some(bytes));
        Ok(())
    }

    /// Remembers that an API refused this token, and removes it if it is there. Under the lock, after `load` gave `view`.
    pub async fn refuse(&mut self, refused: TokenHash, view: &View) -> Result<(), Trouble> {
        self.refused = Some(refused);
        self.save(None, &view.ledger, view.failure.as_ref()).await?;
        if view.record.as_ref().is_some_and(|record| record.hash() == refused) {
            self.store.save(&[Entry { kind: Kind::Record, bytes: None, keep: Duration::ZERO }]).await?;
        }
        Ok(())
    }
}

impl From<Trouble> for Error {
    fn from(trouble: Trouble) -> Self {
        let advice = "nothing is fetched without it, unless cache_fetch_anyway is set";
        Self::new(Status::CacheUnavailable, format!("the shared cache cannot be used: {trouble}; {advice}"))
    }
}

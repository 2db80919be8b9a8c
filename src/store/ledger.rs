//! The ledger entry: JSON that a person can read. It contains no secret and is usable without the record.

mod read;
mod write;

use serde_json::{Map, Value};

use crate::error::Error;
use crate::policy::Ledger;
use crate::token::TokenHash;

pub(super) use read::read;
pub(super) use write::write;

/// Format 1 had one ledger for each identity. Its fields are read where format 2 has a section for each.
const FORMAT: u64 = 2;
const OLDEST_FORMAT: u64 = 1;
/// Further entries of a list in a ledger are ignored.
const MAX_SUSPECTS: usize = 16;
const MAX_SERVERS: usize = 16;

/// The content of a ledger entry, as one identity of the client sees it.
#[derive(Clone, Debug, Default)]
pub(super) struct LedgerFile {
    pub ledger: Ledger,
    /// The failure that holds requests back.
    pub failure: Option<Error>,
    /// The number of records that were set aside because they could not be opened.
    pub rejected_records: u64,
    /// The hashes of tokens that an API rejected and has not accepted since, the latest first.
    pub suspects: Vec<TokenHash>,
    /// The servers, by their origins, whose clocks differ from the one that times are counted on: what each shows now,
    /// in seconds since 1970.
    pub server_clocks: Vec<(String, i64)>,
    /// The whole entry. The sections of other identities, and fields of later versions, are written back as they are.
    pub document: Map<String, Value>,
}

/// Whose view of a ledger is read or written.
#[derive(Clone, Copy)]
pub(super) struct Viewer<'a> {
    /// The key of the identity's section.
    pub section: &'a str,
    /// Identifies the credentials that a failure concerns.
    pub fingerprint: Option<&'a str>,
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;

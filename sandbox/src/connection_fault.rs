//! Connections that fail before any HTTP: a test queues them, and the TLS listener treats its next connections so.

use std::collections::VecDeque;

use axum::body::Bytes;
use serde::Deserialize;

use crate::fault;

const MAX_QUEUED: usize = 1_000;

/// What becomes of one connection.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Description")]
pub enum ConnectionFault {
    /// These bytes are sent in response to the first ones of the client, instead of a TLS handshake.
    Raw(Bytes),
    /// The TLS handshake requires a certificate of the client.
    ClientCertificate,
}

/// A fault as `POST /connections` describes it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Description {
    Raw(String),
    ClientCertificate,
}

impl TryFrom<Description> for ConnectionFault {
    type Error = String;

    fn try_from(description: Description) -> Result<Self, String> {
        match description {
            Description::Raw(text) => fault::bytes(&text).map(Self::Raw),
            Description::ClientCertificate => Ok(Self::ClientCertificate),
        }
    }
}

/// The faults of the next connections.
#[derive(Default)]
pub struct ConnectionFaults(VecDeque<ConnectionFault>);

impl ConnectionFaults {
    /// Appends a JSON array of faults, or none if one of them has a mistake.
    pub fn append(&mut self, json: &[u8]) -> Result<(), String> {
        let faults: Vec<ConnectionFault> =
            serde_json::from_slice(json).map_err(|error| format!("not a JSON array of faults: {error}"))?;
        if self.0.len() + faults.len() > MAX_QUEUED {
            return Err(format!("more than {MAX_QUEUED} faults would be queued"));
        }
        self.0.extend(faults);
        Ok(())
    }

    /// Returns how many faults are queued.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes the fault of the next connection.
    pub fn take(&mut self) -> Option<ConnectionFault> {
        self.0.pop_front()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_taken_in_order() {
        let mut faults = ConnectionFaults::default();
        faults.append(r#"["client-certificate", {"raw": "\u0015\u00ff"}]"#.as_bytes()).unwrap();
        assert_eq!((faults.len(), faults.take()), (2, Some(ConnectionFault::ClientCertificate)));
        assert_eq!(faults.take(), Some(ConnectionFault::Raw(Bytes::from_static(&[0x15, 0xff]))));
        assert_eq!(faults.take(), None);
    }

    #[test]
    fn invalid_description_is_reported_and_none_is_queued() {
        let mut faults = ConnectionFaults::default();
        for json in ["{}", "[1]", r#"["client-certificate", "burn"]"#, r#"[{"raw": "€"}]"#] {
            let error = faults.append(json.as_bytes()).unwrap_err();
            assert!(error.starts_with("not a JSON array of faults: "), "{error}");
        }
        assert_eq!(faults.len(), 0);
    }
}

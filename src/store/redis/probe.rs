//! What a Redis server tells about itself, for the diagnosis.

use std::time::{Duration, Instant};

use super::{Redis, StoreError};

impl Redis {
    /// Returns how long a PING takes.
    pub async fn ping(&self) -> Result<Duration, StoreError> {
        let start = Instant::now();
        self.run::<String>(redis::cmd("PING")).await.map(|_| start.elapsed())
    }

    /// Returns a section of INFO, which a user needs a right for that the cache does not need.
    pub async fn info(&self, section: &str) -> Result<String, StoreError> {
        let mut command = redis::cmd("INFO");
        command.arg(section);
        self.run(command).await
    }

    /// Returns a setting of the server, which needs such a right as well.
    pub async fn setting(&self, name: &str) -> Result<String, StoreError> {
        let mut command = redis::cmd("CONFIG");
        command.arg("GET").arg(name);
        self.run::<Vec<String>>(command).await.map(|mut found| found.pop().unwrap_or_default())
    }

    /// Returns whether it is a cluster, each of whose nodes would have to be asked.
    pub fn is_cluster(&self) -> bool {
        self.address.is_cluster()
    }
}

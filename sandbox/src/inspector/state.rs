//! The state of the server as the page shows it: clocks, nonces, quota, faults and counters.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};

use crate::dpop::Role;
use crate::options::DpopMode;
use crate::paths;
use crate::sandbox::Sandbox;

/// Describes the state. `authority` is `host:port` of the TLS listener.
pub fn describe(sandbox: &Sandbox, authority: &str) -> Value {
    let server = |role: Role, path: &str| {
        json!({
            "name": role.name(),
            "url": format!("https://{authority}{path}"),
            "nonce": sandbox.dpop.nonce_status(role, sandbox.clock.now_seconds()),
            "used_jtis": sandbox.dpop.used_jtis(role, sandbox.clock.now_seconds()),
        })
    };
    let servers = [server(Role::AuthorizationServer, paths::TOKEN), server(Role::ResourceServer, paths::API)];
    let state = sandbox.state();
    json!({
        "system_ms": system_ms(),
        "clock_offset_seconds": sandbox.clock.offset_seconds(),
        "dpop": match sandbox.dpop.mode {
            DpopMode::Off => "ignored",
            DpopMode::Opportunistic => "checked when sent",
            DpopMode::Strict => "required",
        },
        "servers": servers,
        "quota": {
            "window_seconds": sandbox.behaviour.quota_window_seconds,
            "last": state.quota.status(Instant::now()).map(|last| json!({
                "seconds_since_issue": last.since_issue.as_secs_f64(),
                "seconds_remaining": last.remaining.as_secs_f64(),
            })),
        },
        "switches": state.switches,
        "hold": sandbox.gate.is_closed(),
        "queued": {"responses": state.script.len(), "connections": state.connection_faults.len()},
        "statistics": state.statistics,
    })
}

/// Returns the time of the system, which is that of a browser on the same machine.
pub fn system_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

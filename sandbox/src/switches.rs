//! Faults that stay on until they are switched off, unlike scripted responses, of which each is sent once.

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::connection_fault::ConnectionFault;
use crate::dpop::Role;
use crate::script::{self, ScriptedResponse};

/// How far a wrong clock is off: more than the tolerance for `iat`.
const CLOCK_ERROR_SECONDS: i64 = 300;
/// The delay of slow responses.
pub const SLOW_MS: u32 = 2_000;

/// The faults of all requests. Those of [`Default`] are none.
#[derive(Clone, Copy, Default, Serialize)]
pub struct Switches {
    token_response: ResponseFault,
    api_response: ResponseFault,
    connections: ConnectionSwitch,
    clock: ClockFault,
    pub slow: bool,
    /// Bound tokens are issued as if they were not bound.
    pub downgrade: bool,
}

/// What a server does instead of responding as usual.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ResponseFault {
    #[default]
    None,
    Unavailable,
    TooManyRequests,
    HtmlPage,
    Truncate,
    Close,
    Hang,
}

/// What becomes of new connections.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ConnectionSwitch {
    #[default]
    None,
    ClientCertificate,
    PlainHttp,
}

/// How the server's clock is wrong.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ClockFault {
    #[default]
    None,
    Ahead,
    Behind,
}

/// The switches that change; the others stay as they are.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SwitchChange {
    token_response: Option<ResponseFault>,
    api_response: Option<ResponseFault>,
    connections: Option<ConnectionSwitch>,
    clock: Option<ClockFault>,
    slow: Option<bool>,
    downgrade: Option<bool>,
    /// Not one of [`Switches`]: the control API holds responses as well.
    pub hold: Option<bool>,
}

impl Switches {
    /// Changes some switches.
    pub fn change(&mut self, change: &SwitchChange) {
        self.token_response = change.token_response.unwrap_or(self.token_response);
        self.api_response = change.api_response.unwrap_or(self.api_response);
        self.connections = change.connections.unwrap_or(self.connections);
        self.clock = change.clock.unwrap_or(self.clock);
        self.slow = change.slow.unwrap_or(self.slow);
        self.downgrade = change.downgrade.unwrap_or(self.downgrade);
    }

    /// Returns what this server sends instead of its usual response.
    pub fn response(self, role: Role) -> Option<ScriptedResponse> {
        let fault = match role {
            Role::AuthorizationServer => self.token_response,
            Role::ResourceServer => self.api_response,
        };
        fault.response()
    }

    /// Returns the fault of a new connection.
    pub fn connection(self) -> Option<ConnectionFault> {
        match self.connections {
            ConnectionSwitch::None => None,
            ConnectionSwitch::ClientCertificate => Some(ConnectionFault::ClientCertificate),
            ConnectionSwitch::PlainHttp => {
                let response = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
                Some(ConnectionFault::Raw(response.into()))
            }
        }
    }

    /// Returns by how many seconds the server's clock is wrong, beyond what its options say.
    pub fn clock_error_seconds(self) -> i64 {
        match self.clock {
            ClockFault::None => 0,
            ClockFault::Ahead => CLOCK_ERROR_SECONDS,
            ClockFault::Behind => -CLOCK_ERROR_SECONDS,
        }
    }
}

impl ResponseFault {
    /// Returns the response in the form in which a test scripts it, so that there is one implementation of faults.
    fn response(self) -> Option<ScriptedResponse> {
        let later = |status: u16, body: &str| {
            let headers = json!({"Content-Type": "text/plain", "Retry-After": "1"});
            json!({"status": status, "headers": headers, "body": body})
        };
        let description = match self {
            Self::None => return None,
            Self::Unavailable => later(503, "The service is unavailable"),
            Self::TooManyRequests => later(429, "Too many requests"),
            Self::HtmlPage => {
                let page = "<!doctype html><title>Sign in</title><p>A proxy wants you to sign in.";
                json!({"headers": {"Content-Type": "text/html"}, "body": page})
            }
            Self::Truncate => {
                let headers = json!({"Content-Type": "application/json"});
                json!({"headers": headers, "body": "{\"truncated\": ", "fault": "truncate"})
            }
            Self::Close => json!({"fault": "close"}),
            Self::Hang => json!({"fault": "hang"}),
        };
        script::parse(json!([description]).to_string().as_bytes()).ok()?.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn switches(change: &str) -> Switches {
        let mut switches = Switches::default();
        switches.change(&serde_json::from_str(change).unwrap());
        switches
    }

    #[test]
    fn no_fault_is_on_at_first() {
        let switches = Switches::default();
        for role in [Role::AuthorizationServer, Role::ResourceServer] {
            assert!(switches.response(role).is_none());
        }
        assert!(switches.connection().is_none() && !switches.slow && !switches.downgrade);
        assert_eq!(switches.clock_error_seconds(), 0);
    }

    #[test]
    fn each_response_fault_has_a_valid_description_and_one_server() {
        for name in ["unavailable", "too-many-requests", "html-page", "truncate", "close", "hang"] {
            let token = switches(&format!(r#"{{"token_response": "{name}"}}"#));
            assert!(token.response(Role::AuthorizationServer).is_some(), "{name}");
            assert!(token.response(Role::ResourceServer).is_none(), "{name}");
            let api = switches(&format!(r#"{{"api_response": "{name}"}}"#));
            assert!(api.response(Role::ResourceServer).is_some(), "{name}");
        }
    }

    #[test]
    fn change_leaves_the_other_switches() {
        let mut switches = switches(r#"{"clock": "behind", "connections": "client-certificate"}"#);
        switches.change(&serde_json::from_str(r#"{"slow": true}"#).unwrap());
        assert!(switches.slow && switches.connection() == Some(ConnectionFault::ClientCertificate));
        assert_eq!(switches.clock_error_seconds(), -300);
        switches.change(&serde_json::from_str(r#"{"clock": "none", "slow": false}"#).unwrap());
        assert!(!switches.slow && switches.clock_error_seconds() == 0);
    }

    #[test]
    fn unknown_switch_is_refused() {
        for change in [r#"{"fast": true}"#, r#"{"clock": "stopped"}"#, r#"{"slow": 1}"#] {
            assert!(serde_json::from_str::<SwitchChange>(change).is_err(), "{change}");
        }
    }
}

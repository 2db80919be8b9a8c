//! New credentials for a client that is already in use.

use secrecy::{ExposeSecret, SecretString};

use super::Settings;
use super::characters::{self, Check};
use crate::error::{Error, Status};

/// New credentials for a client; a pair that is not given stays as it is. See [`Client::set_credentials`].
///
/// [`Client::set_credentials`]: crate::Client::set_credentials
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    client: Option<(String, SecretString)>,
    service_account: Option<(String, SecretString)>,
}

impl Credentials {
    /// No change: the client keeps the credentials that it has.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another client ID with its secret, from the Tango portal under OAuth client credentials.
    #[must_use]
    pub fn client(mut self, id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        self.client = Some((id.into(), secret.into()));
        self
    }

    /// Another service account, or another password of the same service account.
    #[must_use]
    pub fn service_account(mut self, username: impl Into<String>, password: impl Into<SecretString>) -> Self {
        self.service_account = Some((username.into(), password.into()));
        self
    }
}

impl Settings {
    /// Returns these settings with other credentials.
    pub fn with_credentials(&self, credentials: &Credentials) -> Result<Self, Error> {
        let mut settings = self.clone();
        let request = &mut settings.request;
        if let Some((id, secret)) = &credentials.client {
            request.client_id = checked("client_id", id, characters::client_id)?;
            request.client_secret = checked_secret("client_secret", secret, characters::client_secret)?;
        }
        if let Some((name, password)) = &credentials.service_account {
            request.username = checked("username", name, characters::username)?;
            request.password = checked_secret("password", password, characters::password)?;
        }
        Ok(settings)
    }
}

fn checked(name: &str, value: &str, check: Check) -> Result<String, Error> {
    let problem = if value.is_empty() { Err("is empty") } else { check(value) };
    problem.map_err(|problem| Error::new(Status::InvalidArgument, format!("{name} {problem}")))?;
    Ok(value.to_owned())
}

fn checked_secret(name: &str, value: &SecretString, check: Check) -> Result<SecretString, Error> {
    // The copy is made by `clone`, which zeroises it.
    let problem = if value.expose_secret().is_empty() { Err("is empty") } else { check(value.expose_secret()) };
    problem.map_err(|problem| Error::new(Status::InvalidArgument, format!("{name} {problem}")))?;
    Ok(value.clone())
}

//! New credentials for a client that is already in use.

use secrecy::{ExposeSecret, SecretString};

use super::Settings;
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
            (request.client_id, request.client_secret) =
                (present("client_id", id)?, present_secret("client_secret", secret)?);
        }
        if let Some((name, password)) = &credentials.service_account {
            (request.username, request.password) = (present("username", name)?, present_secret("password", password)?);
        }
        Ok(settings)
    }
}

fn present(name: &str, value: &str) -> Result<String, Error> {
    if value.is_empty() {
        return Err(Error::new(Status::InvalidArgument, format!("{name} is empty")));
    }
    Ok(value.to_owned())
}

fn present_secret(name: &str, value: &SecretString) -> Result<SecretString, Error> {
    present(name, if value.expose_secret().is_empty() { "" } else { "set" })?;
    Ok(value.clone())
}

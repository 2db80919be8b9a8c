//! Values of options as a person may see them: without a secret.

use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::{Address, CacheSource, KeySource};

/// Returns addresses, separated by blanks.
pub(super) fn list(addresses: &[Address]) -> String {
    addresses.iter().map(|address| format!("{address:?}")).collect::<Vec<_>>().join(" ")
}

impl CacheSource {
    /// Returns the cache as it is named, without the credentials of a URL.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Named(name) => without_credentials(name),
            Self::Custom(_) => "custom".into(),
        }
    }
}

impl KeySource {
    /// Returns the file of the key, or the thumbprint of a key that the program has made.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Given(key) => format!("a key with the thumbprint {}", key.thumbprint()),
            Self::File(path) => path.display().to_string(),
        }
    }
}

/// Returns a word, such as `none`, as it is, and of URLs the scheme, the host and the port.
pub(super) fn without_credentials(setting: &SecretString) -> String {
    let setting = setting.expose_secret();
    // Not only what has a scheme: a value that is a mistake may be a secret.
    if ["system", "none", "memory", "file"].contains(&setting) || setting.starts_with("file:") {
        return setting.into();
    }
    setting.split_whitespace().map(server).collect::<Vec<_>>().join(" ")
}

/// Returns the scheme, the host and the port of a URL. A password can be anywhere else in it.
fn server(url: &str) -> String {
    match Url::parse(url).ok().as_ref().and_then(|url| Some((url.scheme(), url.host_str()?, url.port()))) {
        Some((scheme, host, Some(port))) => format!("{scheme}://{host}:{port}"),
        Some((scheme, host, None)) => format!("{scheme}://{host}"),
        None => "[not a URL]".into(),
    }
}

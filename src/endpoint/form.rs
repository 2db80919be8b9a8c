//! The form of the token request (RFC 6749 section 4.3.2).

use secrecy::ExposeSecret;
use url::form_urlencoded;
use zeroize::Zeroizing;

use crate::config::TokenRequest;

/// Returns the body of the request in the encoding of RFC 6749 appendix B.
pub(super) fn encoded(request: &TokenRequest) -> Zeroizing<String> {
    let fields = [
        ("client_id", request.client_id.as_str()),
        ("client_secret", request.client_secret.expose_secret()),
        ("username", &request.username),
        ("password", request.password.expose_secret()),
        ("scope", &request.scope),
        ("audience", &request.audience),
        ("grant_type", "password"),
    ];
    // Allocated once: a string that grows leaves copies of the secrets behind.
    let capacity = fields.iter().map(|(name, value)| name.len() + 3 * value.len() + 2).sum();
    let mut form = form_urlencoded::Serializer::new(String::with_capacity(capacity));
    Zeroizing::new(form.extend_pairs(fields).finish())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn form_is_encoded_exactly() {
        let request = TokenRequest {
            client_id: "id".into(),
            client_secret: "a+b&c=d%e f".into(),
            username: "ünï".into(),
            password: "*-._~\n".into(),
            scope: "raas.all".into(),
            audience: "https://api.tangocard.com/".into(),
            documented_lifetime: Duration::ZERO,
            quota: crate::policy::Quota::Daily,
        };
        assert_eq!(
            encoded(&request).as_str(),
            "client_id=id&client_secret=a%2Bb%26c%3Dd%25e+f&username=%C3%BCn%C3%AF&password=*-._%7E%0A\
             &scope=raas.all&audience=https%3A%2F%2Fapi.tangocard.com%2F&grant_type=password"
        );
    }
}

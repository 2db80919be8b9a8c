//! Reads what a server, or a gateway before it, says in the body of an error.

use http::header::HeaderMap;
use serde_json::Value;
use url::form_urlencoded;

use super::{headers, json, markup};
use crate::error::ServerResponse;
use crate::secret::Redactor;

/// The names of a code in other errors than those of RFC 6749: Okta's, Apigee's and SOAP's.
const CODES: [&str; 3] = ["errorcode", "code", "faultcode"];
/// The names of a sentence about the error, the most general first: RFC 9457's, and those that gateways, frameworks and
/// SOAP use.
const SUMMARIES: [&str; 9] =
    ["message", "title", "errormessage", "errorsummary", "errormsg", "faultstring", "httpmessage", "msg", "text"];
/// The names of a sentence that says more.
const DETAILS: [&str; 6] = ["detail", "details", "description", "reason", "moreinformation", "hint"];

/// Longer names are not known, and each string of an array keeps a copy of its name.
const MAX_NAME: usize = 64;
/// How many strings with the same name are examined for secrets.
const MAX_STRINGS: usize = 8;

/// Reads the body of an error: OAuth's (RFC 6749 section 5.2), Tango's, a problem (RFC 9457), a fault of a gateway,
/// XML, HTML, or plain text. Each string is cleaned.
pub(super) fn read(text: &str, headers: &HeaderMap, redactor: &Redactor) -> ServerResponse {
    let text = text.trim();
    if let Some(document) = json::read(text) {
        return Fields::of_json(&document.value).read(text, redactor);
    }
    if let Ok(Value::String(string)) = serde_json::from_str(text) {
        return message(&string, redactor);
    }
    if headers::has_media_type(headers, "application/x-www-form-urlencoded") || text.starts_with("error=") {
        return Fields::of_form(text).read(text, redactor);
    }
    let is_markup = text.starts_with('<');
    if is_html(text) || (is_markup && headers::has_media_type(headers, "text/html")) {
        return message(&html(text), redactor);
    }
    if is_markup {
        return Fields::of_xml(text).read(&markup::text(text), redactor);
    }
    message(text, redactor)
}

/// Reads an error in the JSON of a response that reports success. What has another name than those of errors is not
/// shown: it could be a token.
pub(super) fn read_in_success(value: &Value, redactor: &Redactor) -> ServerResponse {
    Fields::of_json(value).read("", redactor)
}

/// Returns whether a text is a page for people.
pub(super) fn is_html(text: &str) -> bool {
    let starts_with =
        |prefix: &str| text.trim_start().get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    starts_with("<!doctype html") || starts_with("<html")
}

/// A page is not worth repeating, but its title often says which proxy it is from.
fn html(text: &str) -> String {
    let elements = markup::leaf_elements(text);
    let title = elements.iter().find(|(name, _)| name.eq_ignore_ascii_case("title"));
    let title = title.map_or_else(String::new, |(_, title)| format!(": {}", title.trim()));
    format!("an HTML page, perhaps from a proxy{title}")
}

fn message(text: &str, redactor: &Redactor) -> ServerResponse {
    ServerResponse { server_message: clean(text, redactor), ..ServerResponse::default() }
}

fn clean(text: &str, redactor: &Redactor) -> Option<String> {
    Some(redactor.clean(text)).filter(|text| !text.is_empty())
}

/// The strings of a body and their names, in lower case without `_`: outer ones first, then those of what they contain.
struct Fields(Vec<(String, String)>);

impl Fields {
    fn of_json(value: &Value) -> Self {
        let mut fields = Self(Vec::new());
        fields.collect("message", value);
        fields
    }

    fn of_form(form: &str) -> Self {
        let pairs = form_urlencoded::parse(form.as_bytes());
        Self(pairs.map(|(name, value)| (normalised(&name), value.into_owned())).collect())
    }

    fn of_xml(xml: &str) -> Self {
        Self(markup::leaf_elements(xml).into_iter().map(|(name, text)| (normalised(name), text)).collect())
    }

    /// Collects the strings of an object before those of its members. Elements of an array have its name.
    fn collect(&mut self, name: &str, value: &Value) {
        match value {
            Value::String(string) => self.0.push((normalised(name), string.clone())),
            Value::Array(elements) => elements.iter().for_each(|element| self.collect(name, element)),
            Value::Object(members) => {
                let depth = |value: &Value| (value.is_object(), value.is_array());
                for inner in [(false, false), (false, true), (true, false)] {
                    for (name, value) in members.iter().filter(|(_, value)| depth(value) == inner) {
                        self.collect(name, value);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// Returns what the fields say, or the text itself if no field has a known name.
    fn read(&self, text: &str, redactor: &Redactor) -> ServerResponse {
        let first =
            |names: &[&str]| names.iter().find_map(|name| self.all(name).find_map(|value| clean(value, redactor)));
        let messages = [SUMMARIES.as_slice(), DETAILS.as_slice()].concat();
        let mut messages = messages.iter().flat_map(|name| self.all(name)).filter_map(|text| clean(text, redactor));
        let summary = messages.next();
        let detail = messages.find(|detail| Some(detail) != summary.as_ref());
        // Tango's own errors have a key, and a code that means less.
        let is_tangos = self.all("i18nkey").next().is_some();
        let mut response = ServerResponse {
            oauth_error: first(&["error"]).or_else(|| first(&CODES).filter(|_| !is_tangos)),
            oauth_error_description: first(&["errordescription"]),
            i18n_key: first(&["i18nkey"]),
            server_message: summary.map(|summary| match detail {
                Some(detail) => format!("{summary}: {detail}"),
                None => summary,
            }),
            request_id: first(&["requestid"]),
            ..ServerResponse::default()
        };
        let says_nothing = ServerResponse { request_id: None, ..response.clone() } == ServerResponse::default();
        if says_nothing && self.0.iter().any(|(_, value)| !value.trim().is_empty()) {
            response.server_message = clean(text, redactor);
        }
        response
    }

    fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a String> {
        self.0.iter().filter(move |(own, _)| own == name).map(|(_, value)| value).take(MAX_STRINGS)
    }
}

/// Returns a name as it is compared: `error_description` and `errorDescription` are one.
fn normalised(name: &str) -> String {
    if name.len() > MAX_NAME {
        return String::new();
    }
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(body: &str) -> Fields {
        Fields::of_json(&json::read(body).unwrap().value)
    }

    #[test]
    fn names_of_many_strings_take_no_more_memory_than_the_body() {
        let body = format!("{{\"{}\":[{}\"\"]}}", "a".repeat(30_000), "\"\",".repeat(10_000));
        let length: usize = fields(&body).0.iter().map(|(name, _)| name.len()).sum();
        assert!(length <= body.len(), "{length}");
    }

    #[test]
    fn only_the_first_strings_with_the_same_name_are_examined() {
        let body = format!("{{\"message\":[{}\"b\"]}}", "\"a\",".repeat(10_000));
        assert_eq!(fields(&body).all("message").count(), MAX_STRINGS);
    }
}

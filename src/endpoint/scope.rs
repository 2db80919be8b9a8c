//! `scope` of a response (RFC 6749 sections 3.3 and 5.1): what the token is for.

use serde_json::Value;

use super::received::RequestContext;

/// Returns the scope that a response grants, or the requested one if it has none that RFC 6749 allows and that can be
/// shown: a token is not thrown away for an optional field.
pub(super) fn of(scope: Option<Value>, access_token: &str, context: &RequestContext<'_>) -> String {
    let Some(value) = scope else { return context.scope.to_owned() };
    // Programs show and log scopes. The one that was requested, which is the usual one, need not be searched.
    let can_be_shown =
        |scope: &String| *scope == context.scope || context.redactor.clone().with(access_token).clean(scope) == *scope;
    granted(&value).filter(can_be_shown).unwrap_or_else(|| {
        tracing::warn!(
            "the server sent a scope that cannot be used (RFC 6749 section 3.3); the requested scope is assumed"
        );
        context.scope.to_owned()
    })
}

/// Reads `scope`, which some servers send as an array.
fn granted(scope: &Value) -> Option<String> {
    let tokens: Vec<&str> = match scope {
        Value::String(scope) => scope.split(' ').filter(|token| !token.is_empty()).collect(),
        Value::Array(tokens) => tokens.iter().map(Value::as_str).collect::<Option<_>>()?,
        _ => return None,
    };
    (!tokens.is_empty() && tokens.iter().copied().all(is_scope_token)).then(|| tokens.join(" "))
}

fn is_scope_token(token: &str) -> bool {
    !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;
    use serde_json::json;

    use super::*;
    use crate::endpoint::response::tests::context;
    use crate::secret::Redactor;

    fn scope(value: &Value) -> String {
        let redactor = Redactor::new(&[SecretString::from("the-password")]);
        of(Some(value.clone()), "the-token", &context(&redactor))
    }

    #[test]
    fn granted_scope_replaces_the_requested_one() {
        for (value, expected) in [
            (json!("raas.all"), "raas.all"),
            (json!(" a  b "), "a b"),
            (json!(["a", "b"]), "a b"),
            (json!("https://api.example/read!#[]~"), "https://api.example/read!#[]~"),
        ] {
            assert_eq!(scope(&value), expected);
        }
    }

    #[test]
    fn requested_scope_is_assumed_where_none_is_granted() {
        let long = "a".repeat(10_000);
        for value in [
            json!(null),
            json!(5),
            json!({"a": 1}),
            json!([]),
            json!([1]),
            json!(["a b"]),
            json!(""),
            json!(" "),
            json!("a\nb"),
            json!("a\u{0}b"),
            json!("a\"b"),
            json!("a\\b"),
            json!("ä"),
            json!("a\u{202e}b"),
            json!("a\u{2028}b"),
            json!("a\u{e0041}"),
            json!(long),
            json!("x-the-password"),
            json!("the-token"),
        ] {
            assert_eq!(scope(&value), "requested.scope", "{value}");
        }
    }
}

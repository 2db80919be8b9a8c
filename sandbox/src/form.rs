//! Strict decoding of `application/x-www-form-urlencoded` (RFC 6749 appendix B).

use std::fmt;

/// The reason why a body is not a form. It never repeats a value.
#[derive(Debug, PartialEq, Eq)]
pub enum FormError {
    /// A `%` without two hexadecimal digits after it.
    PercentEscape,
    /// Bytes that are not UTF-8 after decoding.
    Utf8,
}

impl fmt::Display for FormError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::PercentEscape => "the form has an invalid percent escape",
            Self::Utf8 => "the form is not valid UTF-8",
        })
    }
}

/// The reason why a required parameter has no value.
#[derive(Debug, PartialEq, Eq)]
pub enum ParameterError {
    Missing,
    Empty,
    Repeated,
}

impl fmt::Display for ParameterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Empty => "empty",
            Self::Repeated => "repeated",
        })
    }
}

/// Names and values in the order of the body.
#[derive(Debug)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Decodes a body.
    pub fn decode(body: &[u8]) -> Result<Self, FormError> {
        body.split(|&byte| byte == b'&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| {
                let end = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
                let value = pair.get(end + 1..).unwrap_or_default();
                Ok((decode(&pair[..end])?, decode(value)?))
            })
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Returns names and values in the order of the body.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// Returns the value of a parameter that must occur exactly once and not be empty (RFC 6749 section 3.2).
    pub fn required(&self, name: &str) -> Result<&str, ParameterError> {
        let mut values = self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.as_str());
        match (values.next(), values.next()) {
            (None, _) => Err(ParameterError::Missing),
            (Some(_), Some(_)) => Err(ParameterError::Repeated),
            (Some(""), None) => Err(ParameterError::Empty),
            (Some(value), None) => Ok(value),
        }
    }
}

fn decode(encoded: &[u8]) -> Result<String, FormError> {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut bytes = encoded.iter();
    while let Some(&byte) = bytes.next() {
        decoded.push(match byte {
            b'+' => b' ',
            b'%' => (hex_digit(bytes.next())? << 4) | hex_digit(bytes.next())?,
            other => other,
        });
    }
    String::from_utf8(decoded).map_err(|_| FormError::Utf8)
}

fn hex_digit(byte: Option<&u8>) -> Result<u8, FormError> {
    let digit = byte.and_then(|&byte| char::from(byte).to_digit(16)).ok_or(FormError::PercentEscape)?;
    u8::try_from(digit).map_err(|_| FormError::PercentEscape)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(body: &str) -> Result<String, ParameterError> {
        Form::decode(body.as_bytes()).unwrap().required("a").map(String::from)
    }

    #[test]
    fn escapes_are_decoded() {
        assert_eq!(value("a=s3cret%2B%26%3D%25+%C3%BC").unwrap(), "s3cret+&=% ü");
        assert_eq!(value("%61=x%c3%bc%20y").unwrap(), "xü y");
        assert_eq!(value("b=1&&a=b=c&").unwrap(), "b=c");
    }

    #[test]
    fn malformed_form_is_refused() {
        for body in ["a=%", "a=%4", "a=%G1", "a=%+1", "%zz=1", "a=%-1"] {
            assert_eq!(Form::decode(body.as_bytes()).unwrap_err(), FormError::PercentEscape, "{body}");
        }
        for body in ["a=%FF", "%C3=1", "a=%C3%28"] {
            assert_eq!(Form::decode(body.as_bytes()).unwrap_err(), FormError::Utf8, "{body}");
        }
        assert_eq!(Form::decode(b"a=\xff").unwrap_err(), FormError::Utf8);
    }

    #[test]
    fn required_parameter_must_occur_once() {
        assert_eq!(value(""), Err(ParameterError::Missing));
        assert_eq!(value("A=1"), Err(ParameterError::Missing));
        assert_eq!(value("a"), Err(ParameterError::Empty));
        assert_eq!(value("a="), Err(ParameterError::Empty));
        assert_eq!(value("a=1&b=2&%61=1"), Err(ParameterError::Repeated));
        assert_eq!(value("a=+").unwrap(), " ");
    }
}

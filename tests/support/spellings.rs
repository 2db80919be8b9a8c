//! The spellings in which a server can repeat a secret, by code that the library does not share.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use url::form_urlencoded;

fn each_byte(secret: &str, spell: impl Fn(u8) -> String) -> String {
    secret.bytes().map(spell).collect()
}

fn each_char(secret: &str, spell: impl Fn(char) -> String) -> String {
    secret.chars().map(spell).collect()
}

fn json(string: &str) -> String {
    let quoted = serde_json::to_string(string).unwrap();
    quoted[1..quoted.len() - 1].to_owned()
}

fn code_units(string: &str) -> String {
    let units: Vec<_> = string.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
    units.concat()
}

fn lines(string: &str) -> String {
    let lines: Vec<_> = string.as_bytes().chunks(6).map(String::from_utf8_lossy).collect();
    lines.join("\n")
}

/// Returns a string in the encoding of forms.
pub fn form(string: &str) -> String {
    form_urlencoded::byte_serialize(string.as_bytes()).collect()
}

/// Returns a secret in each spelling that a server is known to use.
pub fn spellings(secret: &str) -> Vec<String> {
    let pair = format!("client-1:{secret}");
    let middle = secret.floor_char_boundary(secret.len() / 2);
    let (start, end) = secret.split_at(middle);
    let half_escaped = format!("{}{}", form(start), json(end));
    vec![
        secret.to_owned(),
        secret.to_uppercase(),
        secret.to_lowercase(),
        form(secret),
        form(secret).replace('+', "%20"),
        form(secret).to_lowercase(),
        form(&form(secret)),
        json(secret),
        json(&json(secret)),
        half_escaped,
        each_byte(secret, |byte| format!("%{byte:02X}")),
        each_byte(secret, |byte| format!("%{byte:02x}")),
        each_byte(secret, |byte| format!("%25{byte:02x}")),
        each_byte(secret, |byte| format!("\\x{byte:02x}")),
        each_char(secret, |c| format!("&#{};", u32::from(c))),
        each_char(secret, |c| format!("&#x{:X};", u32::from(c))),
        code_units(secret),
        secret.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;"),
        STANDARD.encode(secret),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(&pair),
        URL_SAFE_NO_PAD.encode(format!("a{secret}b")),
        format!("Basic {}", STANDARD.encode(&pair)),
        STANDARD.encode(format!("{}:{}", form("client-1"), form(secret))),
        STANDARD.encode(STANDARD.encode(&pair)),
        form(&STANDARD.encode(secret)),
        STANDARD.encode(&pair).to_lowercase(),
        each_byte(secret, |byte| format!("{byte:02x}")),
        each_byte(secret, |byte| format!("{byte:02X}:")),
        each_byte(secret, |byte| format!("0x{byte:02x}, ")),
        format!("{start}\r\n {end}"),
        format!("{start}<br>{end}"),
        format!("{start}\\n{end}"),
        format!("{start}\u{200b}{end}"),
        each_char(secret, |c| format!("{c} ")),
        each_char(secret, |c| format!("{c}\0")),
        lines(&STANDARD.encode(&pair)),
    ]
}

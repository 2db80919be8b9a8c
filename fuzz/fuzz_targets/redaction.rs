//! The redactor: a string that repeats a secret, in any spelling and any context, is not shown. What is shown is short,
//! and can be seen as it is.
//!
//! The first line of the input is the secret, the second chooses the spellings, and the rest is the context.
#![no_main]

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use libfuzzer_sys::fuzz_target;
use support::line;
use tango_token::fuzzing::{hidden, redacted, visible_text};

/// The longest string that is shown, and an ellipsis.
const MAX_LENGTH: usize = 515;
/// A secret of this length is searched for anywhere.
const MIN_SECRET: usize = 12;
/// Spellings in spellings are decoded so many times.
const MAX_SPELLINGS: usize = 2;

fuzz_target!(|text: &str| {
    let (secret, rest) = line(text);
    let (spellings, context) = line(rest);
    let cleaned = redacted(&[secret], context);
    assert!(cleaned.len() <= MAX_LENGTH && !cleaned.contains(char::is_control));
    assert_eq!(visible_text(&cleaned), cleaned);
    assert_eq!(redacted(&[secret], &cleaned), cleaned);
    let is_usual = secret.len() >= MIN_SECRET && secret.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !is_usual || context.len() > 1024 {
        return;
    }
    let mut spelled = secret.to_owned();
    for (byte, is_first) in spellings.bytes().take(MAX_SPELLINGS).zip([true, false]) {
        // Nothing decodes hexadecimal digits and other cases: they are known of the secret alone.
        if is_first || !matches!(byte % 10, 0 | 4 | 8) {
            spelled = spell(byte, &spelled);
        }
    }
    let start = context.floor_char_boundary(context.len() / 2);
    let (before, after) = context.split_at(start);
    for text in [format!("{before} {spelled} {after}"), format!("error={spelled}&{context}"), spelled] {
        assert_eq!(redacted(&[secret], &text), hidden(), "{secret} as {text:?}");
    }
});

fn spell(how: u8, text: &str) -> String {
    let bytes = |form: fn(u8) -> String| text.bytes().map(form).collect::<String>();
    match how % 10 {
        0 => text.to_uppercase(),
        1 => bytes(|byte| format!("%{byte:02X}")),
        2 => bytes(|byte| format!("&#{byte};")),
        3 => bytes(|byte| format!("\\u{byte:04x}")),
        4 => bytes(|byte| format!("{byte:02x}")),
        5 => STANDARD.encode(text),
        6 => URL_SAFE_NO_PAD.encode(format!("me:{text}")),
        7 => STANDARD_NO_PAD.encode(format!("{text}:x")),
        8 => text.chars().map(|c| format!("{c} ")).collect(),
        _ => url::form_urlencoded::byte_serialize(text.as_bytes()).collect(),
    }
}

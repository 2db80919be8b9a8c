#[path = "../tests/support/spellings.rs"]
mod spellings;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use proptest::prelude::*;

use super::*;
use spellings::{form, spellings};

fn redactor(secret: &str) -> Redactor {
    Redactor::new(&[SecretString::from(secret)])
}

fn hides(secret: &str, text: &str) -> bool {
    redactor(secret).clean(text) == HIDDEN
}

#[test]
fn text_that_repeats_a_secret_in_any_spelling_is_not_shown() {
    for secret in
        ["p+ä \"&<1>%41\\n=x", "hush-hush", "Tr0ub4dor&3", "a\\aa<0+a4\\aA0aaa", "00000000-0000-4000-8000-000000000000"]
    {
        for spelling in spellings(secret) {
            for text in [spelling.clone(), format!("bad value {spelling}!"), format!("client_secret={spelling}&x=y")] {
                assert!(hides(secret, &text), "{secret}: {text:?}");
            }
        }
    }
}

#[test]
fn invisible_characters_do_not_hide_a_short_secret_or_the_name_of_a_token() {
    for text in ["key p\u{200b}a55 is unknown", "password=\u{feff}pa55"] {
        assert!(hides("pa55", text), "{text:?}");
    }
    for text in ["\"access_token\\\0\0\": tokentokentoken1", "access_\u{200b}token=tokentokentoken1"] {
        assert!(hides("another-secret", text), "{text:?}");
    }
}

#[test]
fn control_characters_do_not_hide_base64_of_a_part_of_a_secret() {
    let redactor = Redactor::new([&"S3cretOfTheClient".into()]);
    for separator in ["\0", "\u{14}", "\u{14}\u{14}\u{14}\u{14}", "\u{85}", "\u{2028}", "\u{200b}"] {
        let text = format!("error: UzNjcm{separator}V0T2ZUaG");
        assert_eq!(redactor.clean(&text), HIDDEN, "{text:?}");
    }
}

#[test]
fn long_secret_is_found_although_the_server_shortens_it() {
    for length in [16, 24, 40, 300] {
        let secret: String = (0..length).map(|i: u32| char::from_digit(i * i % 1009 % 36, 36).unwrap()).collect();
        let shown = secret.len() / 2 + 7;
        assert!(hides(&secret, &format!("unknown token {}...", &secret[..shown])), "{length}");
        assert!(hides(&secret, &format!("unknown token ...{}", &secret[secret.len() - shown..])), "{length}");
    }
}

#[test]
fn short_secret_is_found_as_a_word_and_does_not_hide_ordinary_text() {
    for text in ["key pa55 is unknown", "password=pa55", "(PA55)", "a%20pa55%20b", "cGE1NQ==", "Basic aWQ6cGE1NQ=="] {
        assert!(hides("pa55", text), "{text}");
    }
    for text in ["pa555", "spa55", "p a 5 5", "passwords"] {
        assert!(!hides("pa55", text), "{text}");
    }
}

#[test]
fn secret_that_is_an_ordinary_word_is_found_as_a_value_alone() {
    for text in [
        "wrong",
        " Wrong ",
        "\n wrong\n",
        "client_secret=wrong",
        "client_secret=wrong&username=name",
        "secret: wrong",
        "secret: wrong, user: name",
        "secret: wrong\nuser: name",
        "{\"password\": \"wrong\"}",
        "the value 'wrong' is bad",
        "<password>wrong</password>",
        "http://me:wrong@host/",
        "password%3Dwrong%26x",
        "{\\\"password\\\":\\\"wrong\\\"}",
        "Authorization: Basic aWQ6d3Jvbmc=",
        "77726f6e67",
    ] {
        assert!(hides("wrong", text), "{text}");
    }
    for text in [
        "the password is wrong",
        "wrong password",
        "error: wrong password",
        "Wrong, or missing",
        "wrongly",
        "is%20wrong",
    ] {
        assert_eq!(redactor("wrong").clean(text), text);
    }
    assert_eq!(redactor("password").clean("check the password"), "check the password");
}

#[test]
fn token_that_this_client_does_not_hold_is_not_shown() {
    let header = URL_SAFE_NO_PAD.encode("{\"alg\":\"RS256\"}");
    let token = format!("{header}.{}.{}", URL_SAFE_NO_PAD.encode("{\"sub\":\"name\"}"), "c".repeat(40));
    for text in [format!("already issued: {token}."), STANDARD.encode(&token), format!("x={}", form(&token))] {
        assert!(hides("the-secret", &text), "{text}");
    }
    for ordinary in [
        "eyJ.b.c at https://auth.example.com/oauth/token/v1.2.3",
        "eyJhbGciOiJIUzI1NiJ9.b.c",
        "see www.example-company.example-domain",
        "see monkeyJ.example-company.example-domain",
    ] {
        assert_eq!(redactor("the-secret").clean(ordinary), ordinary);
    }
}

#[test]
fn field_with_a_token_is_not_shown() {
    for text in [
        r#"{"access_token": "opaque-token-1", "token_type": "Bearer"}"#,
        r#"saved {\"accessToken\":\"opaque-token-1\"}"#,
        "token_type=bearer&refresh_token=opaquetokenopaquetoken",
        "https://portal.example/#id_token%3Dopaque-token-1",
        "<oauth><AccessToken>opaque/token+1==</AccessToken></oauth>",
        "&quot;access-token&quot; : &quot;opaque-token-1&quot;",
    ] {
        assert!(hides("the-secret", text), "{text}");
    }
    for ordinary in [
        "access_token: required; see https://docs.example.com/token=1",
        "invalid_token: the token expired at 12:00",
        r#"{"access_token": null, "refresh_token": "", "token_type": "Bearer"}"#,
        "the access token 12345678901234567890 is over",
    ] {
        assert_eq!(redactor("the-secret").clean(ordinary), ordinary);
    }
}

#[test]
fn strings_are_reduced_to_one_line_and_shortened() {
    let redactor = redactor("the-secret");
    assert_eq!(redactor.clean(" two\r\nlines\0 \u{1b}[31m "), "two  lines   [31m");
    let long = redactor.clean(&"ä".repeat(1_000));
    assert_eq!(long.chars().count(), MAX_LENGTH / 2 + 1);
    assert!(long.ends_with('…'));
    assert_eq!(redactor.clean(&redactor.clean("it said the-secret")), HIDDEN);
}

#[test]
fn text_with_more_levels_of_escapes_than_are_decoded_is_not_shown() {
    let nest = |levels| (0..levels).fold("%41".to_owned(), |text, _| text.replace('%', "%25"));
    assert!(!hides("the-secret", &nest(2)));
    assert!(hides("the-secret", &nest(MAX_ROUNDS + 1)));
}

#[test]
fn secret_without_a_distinctive_part_is_found_as_a_whole() {
    assert!(hides("passwordpassword", "it was PasswordPassword"));
    assert!(!hides("passwordpassword", "it was password"));
}

#[test]
fn secret_whose_letters_another_encoding_lost_is_found() {
    assert!(hides("süße-träume-1", "bad s\u{fffd}\u{fffd}e-tr\u{fffd}ume-1"));
    assert!(!hides("süße-träume-1", "bad s\u{fffd}\u{fffd}e"));
}

#[test]
fn short_string_that_a_secret_decodes_to_hides_no_ordinary_string() {
    assert!(hides("%41%42%43", "bad %41%42%43"));
    assert!(!hides("%41%42%43", "the ABC of errors"));
}

#[test]
fn word_of_two_letters_is_searched_for_in_the_string_and_not_in_what_it_decodes_to() {
    assert!(hides("a1", "client_secret=a1"));
    assert!(!hides("a1", &STANDARD.encode("client_secret=a1")));
    assert!(hides("pa55", &STANDARD.encode("client_secret=pa55")));
}

#[test]
fn base64_of_base64_of_base64_is_found_and_no_deeper() {
    let nest = |levels| (0..levels).fold("hush-hush".to_owned(), |text, _| STANDARD.encode(text));
    for (levels, is_hidden) in [(1, true), (2, true), (3, true), (4, false)] {
        assert_eq!(hides("hush-hush", &nest(levels)), is_hidden, "{levels}");
    }
}

#[test]
fn strings_are_examined_up_to_64_kib_and_shown_up_to_512_bytes() {
    let secret = "secret-secret";
    assert!(hides(secret, &format!("{}{secret}", " ".repeat(65_536 - secret.len()))));
    let cut = format!("x{}{secret}", " ".repeat(65_536 - 1));
    assert_eq!(redactor(secret).clean(&cut), "x");
    for (length, shown) in [(512, "a".repeat(512)), (513, format!("{}…", "a".repeat(512)))] {
        assert_eq!(redactor(secret).clean(&"a".repeat(length)), shown);
    }
}

#[test]
fn secret_across_the_cut_leaves_no_part_behind() {
    let text = format!("{}{}", "x".repeat(MAX_LENGTH - 4), " secret-secret");
    assert!(hides("secret-secret", &text));
    assert!(
        !redactor("secret-secret").clean(&format!("{}secret-secret", " ".repeat(MAX_EXAMINED - 4))).contains("ret")
    );
}

/// The work is counted in bytes that are compared.
#[test]
fn work_grows_linearly_with_the_text() {
    let secrets = ["the-secret", "wrong", "pa55"].map(SecretString::from);
    let work = |pattern: &str, length: usize| {
        let text = &pattern.repeat(length / pattern.len());
        let mut examination = Examination::new(&secrets, text.len());
        let before = examination.left;
        examination.finds(text, 0);
        before - examination.left
    };
    for pattern in [
        "word ",
        "%41",
        "%2541",
        "&amp;",
        "\\u0041",
        "\\\\",
        "dGhlLXNl",
        "eyJ.",
        "eyJhbGciOiJI.",
        "access_token= ",
        "=wrong",
        "pa55",
        "\"",
        "<",
        "ä",
        "wrong \t",
    ] {
        let (small, large) = (work(pattern, MAX_EXAMINED / 8), work(pattern, MAX_EXAMINED));
        assert!(large <= small * 9 && large <= MAX_WORK * MAX_EXAMINED, "{pattern}: {small}, then {large}");
    }
}

proptest! {
    #[test]
    fn no_text_keeps_a_secret(
        before in ".{0,40}", secret in "([a-zA-Z0-9][+&=%\"<\\\\ ü-]?){12,20}", after in ".{0,40}",
        number in any::<prop::sample::Index>(),
    ) {
        let spellings = spellings(&secret);
        let spelling = &spellings[number.index(spellings.len())];
        let cleaned = redactor(&secret).clean(&format!("{before} {spelling} {after}"));
        prop_assert!(!cleaned.contains(&secret) && !cleaned.contains(spelling.trim()), "{}", cleaned);
        prop_assert!(!cleaned.contains(char::is_control));
    }

    #[test]
    fn text_without_the_secret_is_kept(text in "[a-z ]{0,80}[a-z]") {
        prop_assert_eq!(redactor("Zx81-Qq47").clean(&text), text.trim_start());
    }
}

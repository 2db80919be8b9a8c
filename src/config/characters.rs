//! The characters that values of options may have, and their length. A line break at the end is the usual mistake: files
//! and commands end with one, and a server gets it as a part of the secret.

/// Checks a value. The error is a predicate, such as `ends with a line break`, and repeats nothing of the value.
pub(super) type Check = fn(&str) -> Checked;

type Checked = Result<(), &'static str>;

/// The longest value of an option in bytes, which is also that of the files of secrets and keys, and of a string that C
/// passes in. Servers accept less.
pub(crate) const LONGEST: usize = 64 * 1024;

/// Checks a client ID (RFC 6749 appendix A.1).
pub(super) fn client_id(id: &str) -> Checked {
    visible_ascii(id, "has a character that is not ASCII, which RFC 6749 appendix A does not allow")?;
    blanks_inside_only(id)
}

/// Checks a client secret. It may begin and end with blanks. RFC 6749 appendix A.2 allows ASCII only, but the server
/// has chosen the secret, and appendix B says how any other character is sent.
pub(super) fn client_secret(secret: &str) -> Checked {
    no_control(secret)
}

/// Checks a user name (RFC 6749 appendix A.15).
pub(super) fn username(name: &str) -> Checked {
    password(name)?;
    blanks_inside_only(name)
}

/// Checks a password (RFC 6749 appendix A.16). It may begin and end with blanks, and contain tabs.
pub(super) fn password(password: &str) -> Checked {
    let is_allowed = |c| c == '\t' || !(c < ' ' || matches!(c, '\u{7f}' | '\u{fffe}' | '\u{ffff}'));
    length_and_end(password)?;
    if password.chars().all(is_allowed) { Ok(()) } else { Err(CONTROL) }
}

/// Checks a scope (RFC 6749 section 3.3 and appendix A.4).
pub(super) fn scope(scope: &str) -> Checked {
    length_and_end(scope)?;
    let is_allowed = |c| matches!(c, '!' | '#'..='[' | ']'..='~');
    if scope.split(' ').all(|token| !token.is_empty() && token.chars().all(is_allowed)) {
        Ok(())
    } else {
        Err("must be scope tokens of visible ASCII without quotes and backslashes, separated by one blank each \
             (RFC 6749 section 3.3)")
    }
}

/// Checks an audience, or the name of a cache.
pub(super) fn name(name: &str) -> Checked {
    no_control(name)?;
    blanks_inside_only(name)
}

/// Checks the `User-Agent` (RFC 9110 section 10.1.5).
pub(super) fn user_agent(agent: &str) -> Checked {
    visible_ascii(agent, "has a character that is not ASCII")?;
    blanks_inside_only(agent)
}

/// Checks a URL. Parsers of URLs drop line breaks and tabs, turn `\` into `/`, and encode blanks and quotes.
pub(super) fn url(url: &str) -> Checked {
    no_control(url)?;
    blanks_inside_only(url)?;
    match url.find(|c: char| c.is_whitespace() || matches!(c, '\\' | '"' | '<' | '>' | '\u{feff}')) {
        None => Ok(()),
        Some(_) => Err("has a blank, a backslash, a quote or an angle bracket, which no URL contains"),
    }
}

/// Checks the path of a file, which may be any other string.
pub(super) fn path(path: &std::path::Path) -> Checked {
    no_control(&path.to_string_lossy())
}

const CONTROL: &str = "has a control character, such as a line break";

fn visible_ascii(value: &str, not_ascii: &'static str) -> Checked {
    no_control(value)?;
    if value.is_ascii() { Ok(()) } else { Err(not_ascii) }
}

fn no_control(value: &str) -> Checked {
    length_and_end(value)?;
    if value.contains(char::is_control) { Err(CONTROL) } else { Ok(()) }
}

fn length_and_end(value: &str) -> Checked {
    if value.len() > LONGEST {
        return Err("is longer than 64 KiB");
    }
    if value.ends_with(['\n', '\r']) { Err("ends with a line break: remove it") } else { Ok(()) }
}

fn blanks_inside_only(value: &str) -> Checked {
    let is_blank = |c: char| c.is_whitespace() || c == '\u{feff}' || c == '\u{200b}';
    if value.starts_with(is_blank) || value.ends_with(is_blank) {
        Err("begins or ends with a blank: remove it")
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Check; 8] = [client_id, client_secret, username, password, scope, name, user_agent, url];

    #[test]
    fn line_break_at_the_end_is_told_by_its_place_for_each_kind_of_value() {
        for check in ALL {
            for value in ["value\n", "value\r\n", "value\r"] {
                assert_eq!(check(value), Err("ends with a line break: remove it"));
            }
            for value in ["a\0b", "a\nb", "a\u{7f}b", "a\u{1b}b"] {
                assert!(check(value).is_err(), "{value:?}");
            }
            assert_eq!(check("value"), Ok(()));
        }
        assert!(path("/a/file\n".as_ref()).is_err() && path("/a/my file ".as_ref()).is_ok());
    }

    #[test]
    fn value_of_any_kind_has_at_most_64_kib() {
        for check in ALL {
            assert_eq!(check(&"x".repeat(LONGEST)), Ok(()));
            assert_eq!(check(&"x".repeat(LONGEST + 1)), Err("is longer than 64 KiB"));
        }
        assert!(path("x".repeat(LONGEST + 1).as_ref()).is_err());
    }

    #[test]
    fn legal_blanks_and_letters_are_accepted() {
        for check in [client_secret, password] {
            assert_eq!((check(" a b "), check("\"\\~"), check("ünï")), (Ok(()), Ok(()), Ok(())));
        }
        for check in [username, password] {
            assert_eq!((check("a\tb"), check("jürgen müller")), (Ok(()), Ok(())));
        }
        assert_eq!((password("tab\t"), scope("raas.all raas:read"), name("my cache")), (Ok(()), Ok(()), Ok(())));
        assert_eq!((client_id("a b"), user_agent("agent/1 (x; y)")), (Ok(()), Ok(())));
        assert_eq!(url("https://bücher.example/a?b=c"), Ok(()));
    }

    #[test]
    fn other_characters_are_refused() {
        for value in [" a", "a ", "\u{a0}a", "a\u{200b}"] {
            for check in [client_id, username, scope, name, user_agent, url] {
                assert!(check(value).is_err(), "{value:?}");
            }
        }
        for check in [client_id, user_agent, scope] {
            assert!(check("ünï").is_err());
        }
        for value in ["a  b", "a\"b", "a\\b", "a\tb", ""] {
            assert!(scope(value).is_err(), "{value:?}");
        }
        for value in ["https://a.example /", r"https:\\a.example", "\"https://a.example\"", "https://a.exam\tple"] {
            assert!(url(value).is_err(), "{value:?}");
        }
    }

    proptest! {
        #[test]
        fn accepted_value_has_no_line_break(value in "\\PC*[\r\n]\\PC*") {
            for check in ALL {
                prop_assert!(check(&value).is_err());
            }
        }
    }
}

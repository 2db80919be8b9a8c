//! The names of the library's statuses, as in C and in the documents.

use tango_token::Status;

/// Returns the name without the prefix of C: `QUOTA_REFUSED`.
pub fn status_name(status: Status) -> String {
    let mut name = String::new();
    for letter in format!("{status:?}").chars() {
        if letter.is_ascii_uppercase() && !name.is_empty() {
            name.push('_');
        }
        name.push(letter.to_ascii_uppercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_c() {
        let names = [Status::Ok, Status::QuotaRefused, Status::CacheUnavailable].map(status_name);
        assert_eq!(names, ["OK", "QUOTA_REFUSED", "CACHE_UNAVAILABLE"]);
    }
}

//! What a person wants to know of a certificate (RFC 5280 section 4.1). Nothing in here verifies one.

use std::ops::Range;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::der::{SEQUENCE, SET, elements, split_first};
use crate::visible;

/// The version, which a certificate of version 1 lacks.
const TAGGED_0: u8 = 0xa0;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
/// UTF-16, as old authorities of Windows write names.
const BMP_STRING: u8 = 0x1e;
/// The attributes of a name that are shown (RFC 4519).
const ATTRIBUTES: [(&[u8], &str); 4] =
    [(b"\x55\x04\x03", "CN"), (b"\x55\x04\x0a", "O"), (b"\x55\x04\x0b", "OU"), (b"\x55\x04\x06", "C")];
/// Names come from a server.
const MAX_NAME: usize = 200;

/// The names and the dates of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// Whom it is for, as `CN=host, O=organization`.
    pub subject: String,
    /// Who issued it.
    pub issuer: String,
    /// The beginning of its validity.
    pub not_before: SystemTime,
    /// The end of its validity.
    pub not_after: SystemTime,
}

impl Certificate {
    /// Reads a certificate in DER. Returns `None` if it cannot be read.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (SEQUENCE, certificate, _) = split_first(der)? else { return None };
        let (SEQUENCE, content, _) = split_first(certificate)? else { return None };
        let mut fields = elements(content)?.into_iter().skip_while(|(tag, _)| *tag == TAGGED_0);
        let (_serial_number, _algorithm) = (fields.next()?, fields.next()?);
        let (issuer, validity, subject) = (fields.next()?, fields.next()?, fields.next()?);
        let dates = elements(validity.1)?;
        let [not_before, not_after] = dates.as_slice() else { return None };
        Some(Self {
            subject: name(subject.1)?,
            issuer: name(issuer.1)?,
            not_before: time(*not_before)?,
            not_after: time(*not_after)?,
        })
    }
}

fn name(content: &[u8]) -> Option<String> {
    let mut parts = Vec::new();
    for (tag, set) in elements(content)? {
        let attributes = if tag == SET { elements(set)? } else { return None };
        for (_, attribute) in attributes {
            let attribute = elements(attribute)?;
            let [(OBJECT_IDENTIFIER, identifier), (tag, value)] = attribute.as_slice() else { return None };
            if let Some((_, label)) = ATTRIBUTES.iter().find(|(known, _)| known == identifier) {
                parts.push(format!("{label}={}", text(*tag, value)));
            }
        }
    }
    let name: String = visible::text(&parts.join(", ")).chars().take(MAX_NAME).collect();
    Some(if name.is_empty() { "[no name]".into() } else { name })
}

fn text(tag: u8, value: &[u8]) -> String {
    if tag == BMP_STRING {
        let units: Vec<_> = value.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]])).collect();
        return String::from_utf16_lossy(&units);
    }
    String::from_utf8_lossy(value).into_owned()
}

/// Reads `YYMMDDHHMMSSZ` or `YYYYMMDDHHMMSSZ`, the only forms that RFC 5280 section 4.1.2.5 allows.
fn time((tag, value): (u8, &[u8])) -> Option<SystemTime> {
    let digits = str::from_utf8(value).ok()?.strip_suffix('Z')?;
    let (year, rest) = digits.split_at_checked(match tag {
        UTC_TIME => 2,
        GENERALIZED_TIME => 4,
        _ => return None,
    })?;
    if rest.len() != 10 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number = |range: Range<usize>| rest.get(range)?.parse::<u64>().ok();
    let year = match (tag, year.parse::<u64>().ok()?) {
        (UTC_TIME, year @ 0..50) => 2000 + year,
        (UTC_TIME, year) => 1900 + year,
        (_, year) => year,
    };
    let days = days_since_1970(year, number(0..2)?, number(2..4)?)?;
    let seconds = number(4..6)? * 3_600 + number(6..8)? * 60 + number(8..10)?;
    UNIX_EPOCH.checked_add(Duration::from_secs(days.checked_mul(86_400)? + seconds))
}

/// Counts days in the Gregorian calendar, in years that begin in March.
fn days_since_1970(year: u64, month: u64, day: u64) -> Option<u64> {
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let (year, month) = if month > 2 { (year, month - 3) } else { (year.checked_sub(1)?, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (month * 153 + 2) / 5 + day - 1;
    days.checked_sub(719_468)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, date_time_ymd};

    use super::*;

    fn seconds(time: SystemTime) -> u64 {
        time.duration_since(UNIX_EPOCH).unwrap().as_secs()
    }

    #[test]
    fn names_and_dates_are_read() {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "a\u{202e}host");
        params.distinguished_name.push(DnType::OrganizationName, "Org");
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2050, 12, 31);
        let certificate = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        let read = Certificate::read(certificate.der()).unwrap();
        assert_eq!((read.subject.as_str(), read.issuer.as_str()), ("CN=ahost, O=Org", "CN=ahost, O=Org"));
        assert_eq!((seconds(read.not_before), seconds(read.not_after)), (1_709_164_800, 2_556_057_600));
    }

    #[test]
    fn time_with_another_form_is_not_read() {
        assert_eq!(time((UTC_TIME, b"700101000000Z")).map(seconds), Some(0));
        assert_eq!(time((UTC_TIME, b"491231235959Z")).map(seconds), Some(2_524_607_999));
        for (tag, wrong) in [
            (UTC_TIME, &b"700101000000"[..]),
            (UTC_TIME, b"7001010000Z"),
            (UTC_TIME, b"701301000000Z"),
            (GENERALIZED_TIME, b"700101000000Z"),
            (GENERALIZED_TIME, b"19690101000000Z"),
            (SEQUENCE, b"700101000000Z"),
        ] {
            assert_eq!(time((tag, wrong)), None, "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            Certificate::read(&bytes);
            Certificate::read(&[&[SEQUENCE, 122, SEQUENCE, 120], bytes.as_slice()].concat());
            time((UTC_TIME, &bytes));
            name(&bytes);
        }
    }
}

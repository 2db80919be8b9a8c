//! The arithmetic of RSA keys, compared with the crate `num-bigint`, and ECDSA signatures in DER.
//!
//! The input is two numbers of equal length.
#![no_main]

use libfuzzer_sys::fuzz_target;
use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::Zero;
use tango_token::Algorithm;
use tango_token::fuzzing::{Arithmetic, arithmetic, fixed_length, rsa_members};

/// Half of the longest RSA key, which is enough for all carries.
const MAX_LENGTH: usize = 512;

fuzz_target!(|numbers: &[u8]| {
    let (a, b) = numbers.split_at(numbers.len().min(MAX_LENGTH) / 2);
    assert_eq!(arithmetic(a, b), expected(&BigUint::from_bytes_be(a), &BigUint::from_bytes_be(b)));
    check_rsa(a, b);
    check_signature(Algorithm::Es256, 32, a, b);
    check_signature(Algorithm::Es384, 48, a, b);
    for algorithm in [Algorithm::Es256, Algorithm::Es384, Algorithm::Eddsa, Algorithm::Rs256, Algorithm::Ps256] {
        let length = fixed_length(algorithm, numbers).len();
        assert!([numbers.len(), 64, 96].contains(&length));
    }
});

fn expected(a: &BigUint, b: &BigUint) -> Arithmetic {
    let quotient = (!b.is_zero()).then(|| a.div_rem(b));
    Arithmetic {
        sum: bytes(&(a + b)),
        difference: (a >= b).then(|| bytes(&(a - b))),
        product: bytes(&(a * b)),
        quotient: quotient.map(|(quotient, rest)| (bytes(&quotient), bytes(&rest))),
        divisor: bytes(&a.gcd(b)),
        inverse: (!b.is_zero()).then(|| a.modinv(b)).flatten().map(|inverse| bytes(&inverse)),
        root: bytes(&a.sqrt()),
    }
}

/// Big-endian, and no byte for zero.
fn bytes(number: &BigUint) -> Vec<u8> {
    if number.is_zero() { Vec::new() } else { number.to_bytes_be() }
}

fn check_rsa(n: &[u8], d: &[u8]) {
    let Some([p, q, ..]) = rsa_members(n, &[3], d) else { return };
    assert_eq!(BigUint::from_bytes_be(&p) * BigUint::from_bytes_be(&q), BigUint::from_bytes_be(n));
}

/// Checks that a signature is the same number by number, however it is written.
fn check_signature(algorithm: Algorithm, length: usize, r: &[u8], s: &[u8]) {
    let number = |number: &[u8]| BigUint::from_bytes_be(&number[..number.len().min(length)]);
    let (r, s) = (number(r), number(s));
    let padded = |number: &BigUint| {
        let number = bytes(number);
        [vec![0; length - number.len()], number].concat()
    };
    let der = element(0x30, &[integer(&r), integer(&s)].concat());
    if der.len() != 2 * length {
        assert_eq!(fixed_length(algorithm, &der), [padded(&r), padded(&s)].concat());
    }
}

/// Returns a number that is not negative in DER.
fn integer(number: &BigUint) -> Vec<u8> {
    let number = number.to_bytes_be();
    let sign: &[u8] = if number[0] >= 0x80 { &[0] } else { &[] };
    element(0x02, &[sign, &number].concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).expect("a signature is short");
    let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [head, content.to_vec()].concat()
}

//! The members of an RSA key that RFC 7518 section 6.3.2 lets a JWK omit, and that aws-lc-rs requires.

#![expect(clippy::many_single_char_names, reason = "the names of RFC 8017 and RFC 7518")]

use zeroize::Zeroizing;

use super::natural::Natural;

/// The private members of a JWK other than `d`, big-endian.
pub(super) struct CrtMembers {
    pub p: Zeroizing<Vec<u8>>,
    pub q: Zeroizing<Vec<u8>>,
    pub dp: Zeroizing<Vec<u8>>,
    pub dq: Zeroizing<Vec<u8>>,
    pub qi: Zeroizing<Vec<u8>>,
}

impl CrtMembers {
    /// Computes the members from `n`, `e` and `d`. `None` if those are not a key pair, or of unusual sizes.
    ///
    /// An error in here cannot make a wrong key, because aws-lc verifies how all members relate.
    pub fn compute(n: &[u8], e: &[u8], d: &[u8]) -> Option<Self> {
        // Bounds the work: e has at most 33 bits in any key that aws-lc takes.
        if n.len() > 1024 || e.len() > 5 || d.len() > 1024 {
            return None;
        }
        let (n, e, d) = (Natural::from_bytes(n), Natural::from_bytes(e), Natural::from_bytes(d));
        let (p, q) = primes(&n, &e, &d)?;
        let one = Natural::one();
        Some(Self {
            dp: d.modulo(&p.minus(&one)?)?.to_bytes(),
            dq: d.modulo(&q.minus(&one)?)?.to_bytes(),
            qi: q.inverse(&p)?.to_bytes(),
            p: p.to_bytes(),
            q: q.to_bytes(),
        })
    }
}

/// Returns the prime factors of `n`, the larger first, by the deterministic method of NIST SP 800-56B revision 2,
/// appendix C.2.
///
/// A product of `de - 1` with a common divisor of `n - 1` is a multiple of `(p - 1)(q - 1)`, and a small one. That is
/// close to the same multiple of `n`, so a division tells the multiple, which leads to `p + q`.
fn primes(n: &Natural, e: &Natural, d: &Natural) -> Option<(Natural, Natural)> {
    let one = Natural::one();
    let product = e.times(d).minus(&one)?;
    let multiple = product.times(&product.greatest_common_divisor(&n.minus(&one)?));
    let (quotient, remainder) = multiple.divided_by(n)?;
    let (sum, rest) = n.minus(&remainder)?.divided_by(&quotient.plus(&one))?;
    let sum = sum.plus(&one);
    let four_n = n.times(&Natural::from_bytes(&[4]));
    let difference = sum.times(&sum).minus(&four_n)?.square_root();
    let (mut p, mut q) = (sum.plus(&difference), sum.minus(&difference)?);
    p.halve();
    q.halve();
    (rest.is_zero() && p.times(&q) == *n).then_some((p, q))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prime_from(start: u64) -> u64 {
        let is_prime = |&number: &u64| (3..).step_by(2).take_while(|d| d * d <= number).all(|d| number % d != 0);
        (start | 1..).step_by(2).find(is_prime).unwrap()
    }

    fn greatest_common_divisor(a: u128, b: u128) -> u128 {
        if b == 0 { a } else { greatest_common_divisor(b, a % b) }
    }

    fn inverse(number: u128, modulus: u128) -> Option<u128> {
        let natural = |number: u128| Natural::from_bytes(&number.to_be_bytes());
        let inverse = natural(number).inverse(&natural(modulus))?;
        Some(inverse.to_bytes().iter().fold(0, |number, &byte| number << 8 | u128::from(byte)))
    }

    proptest! {
        #[test]
        fn primes_are_found_for_both_customs_of_computing_d(
            starts in (1_u64 << 30..1 << 31, 1_u64 << 30..1 << 31),
            e in prop_oneof![Just(3_u128), Just(17), Just(257)],
        ) {
            let (p, q) = (u128::from(prime_from(starts.0)), u128::from(prime_from(starts.1)));
            prop_assume!(p != q);
            let euler = (p - 1) * (q - 1);
            let carmichael = euler / greatest_common_divisor(p - 1, q - 1);
            for modulus in [euler, carmichael] {
                let Some(d) = inverse(e, modulus) else { continue };
                let members = CrtMembers::compute(
                    &(p * q).to_be_bytes(),
                    &e.to_be_bytes()[14..],
                    &d.to_be_bytes(),
                ).unwrap();
                let (larger, smaller) = (p.max(q), p.min(q));
                let bytes = |number: u128| Natural::from_bytes(&number.to_be_bytes()).to_bytes();
                prop_assert_eq!(members.p, bytes(larger));
                prop_assert_eq!(members.q, bytes(smaller));
                prop_assert_eq!(members.dp, bytes(d % (larger - 1)));
                prop_assert_eq!(members.qi, bytes(inverse(smaller, larger).unwrap()));
            }
        }

        #[test]
        fn numbers_that_are_no_key_pair_are_refused(n in any::<u64>(), e in any::<u16>(), d in any::<u64>()) {
            if let Some(members) = CrtMembers::compute(&n.to_be_bytes(), &e.to_be_bytes(), &d.to_be_bytes()) {
                let product = Natural::from_bytes(&members.p).times(&Natural::from_bytes(&members.q));
                prop_assert!(product == Natural::from_bytes(&n.to_be_bytes()));
            }
        }
    }
}

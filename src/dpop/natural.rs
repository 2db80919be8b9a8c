//! Natural numbers of any size, for the primes of an RSA key. They are zeroised, which those of the known libraries are
//! not. They are not constant in time: they are used once, when a key is read.

use std::cmp::Ordering;

use zeroize::Zeroizing;

/// 32 bits of a number, so that a product and a carry fit into 64.
const LIMB: usize = 32;

/// A natural number: its limbs, the lowest first, without zeros at the end.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Natural(Zeroizing<Vec<u32>>);

impl Natural {
    /// Reads big-endian bytes.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        let limb = |chunk: &[u8]| chunk.iter().fold(0, |limb, &byte| limb << 8 | u32::from(byte));
        Self::new(bytes.rchunks(4).map(limb).collect())
    }

    /// Returns big-endian bytes without leading zeros.
    pub fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let bytes: Zeroizing<Vec<u8>> =
            Zeroizing::new(self.0.iter().rev().flat_map(|limb| limb.to_be_bytes()).collect());
        let zeros = bytes.iter().take_while(|&&byte| byte == 0).count();
        Zeroizing::new(bytes[zeros..].to_vec())
    }

    pub fn one() -> Self {
        Self::new(vec![1])
    }

    pub fn zero() -> Self {
        Self::new(Vec::new())
    }

    pub fn is_zero(&self) -> bool {
        self.0.is_empty()
    }

    pub fn plus(&self, other: &Self) -> Self {
        let mut carry = 0;
        let sum = (0..=self.0.len().max(other.0.len())).map(|index| {
            carry += u64::from(self.limb(index)) + u64::from(other.limb(index));
            take_limb(&mut carry)
        });
        Self::new(sum.collect())
    }

    /// Returns the difference, or `None` if it would be negative.
    pub fn minus(&self, other: &Self) -> Option<Self> {
        let mut difference = self.clone();
        (*self >= *other).then(|| difference.subtract(other))?;
        Some(difference)
    }

    pub fn times(&self, other: &Self) -> Self {
        let mut product = vec![0; self.0.len() + other.0.len()];
        for (start, &factor) in self.0.iter().enumerate() {
            let mut carry = 0;
            for index in 0..=other.0.len() {
                if let Some(limb) = product.get_mut(start + index) {
                    carry += u64::from(*limb) + u64::from(factor) * u64::from(other.limb(index));
                    *limb = take_limb(&mut carry);
                }
            }
        }
        Self::new(product)
    }

    /// Returns the quotient and the remainder, by long division in base two; `None` for a divisor of zero.
    pub fn divided_by(&self, divisor: &Self) -> Option<(Self, Self)> {
        if divisor.is_zero() {
            return None;
        }
        let Some(shift) = self.bits().checked_sub(divisor.bits()) else { return Some((Self::zero(), self.clone())) };
        let (mut remainder, mut shifted) = (self.clone(), divisor.shifted_left(shift));
        let mut quotient = vec![0; shift / LIMB + 1];
        for bit in (0..=shift).rev() {
            if remainder >= shifted {
                remainder.subtract(&shifted);
                quotient[bit / LIMB] |= 1 << (bit % LIMB);
            }
            shifted.halve();
        }
        Some((Self::new(quotient), remainder))
    }

    pub fn modulo(&self, divisor: &Self) -> Option<Self> {
        self.divided_by(divisor).map(|(_, remainder)| remainder)
    }

    pub fn greatest_common_divisor(&self, other: &Self) -> Self {
        let (mut a, mut b) = (self.clone(), other.clone());
        while let Some(remainder) = a.modulo(&b) {
            (a, b) = (b, remainder);
        }
        a
    }

    /// Returns the inverse modulo `modulus`, by Euclid's extended algorithm.
    pub fn inverse(&self, modulus: &Self) -> Option<Self> {
        let (mut previous, mut rest) = (modulus.clone(), self.modulo(modulus)?);
        let (mut before, mut factor) = (Self::zero(), Self::one());
        while let Some((quotient, remainder)) = previous.divided_by(&rest) {
            let product = quotient.times(&factor).modulo(modulus)?;
            let next = before.plus(modulus).minus(&product)?.modulo(modulus)?;
            (previous, rest) = (rest, remainder);
            (before, factor) = (factor, next);
        }
        (previous == Self::one()).then_some(before)
    }

    /// Returns the largest number whose square is not larger, by Newton's method from above.
    pub fn square_root(&self) -> Self {
        let mut root = Self::one().shifted_left(self.bits().div_ceil(2));
        while let Some((quotient, _)) = self.divided_by(&root) {
            let mut next = root.plus(&quotient);
            next.halve();
            if next >= root {
                break;
            }
            root = next;
        }
        root
    }

    pub fn halve(&mut self) {
        let mut carry = 0;
        for limb in self.0.iter_mut().rev() {
            let low = *limb & 1;
            *limb = *limb >> 1 | carry << (LIMB - 1);
            carry = low;
        }
        self.trim();
    }

    pub fn bits(&self) -> usize {
        self.0.last().map_or(0, |last| self.0.len() * LIMB - last.leading_zeros() as usize)
    }

    fn new(limbs: Vec<u32>) -> Self {
        let mut number = Self(Zeroizing::new(limbs));
        number.trim();
        number
    }

    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn limb(&self, index: usize) -> u32 {
        self.0.get(index).copied().unwrap_or_default()
    }

    /// `other` must not be larger.
    fn subtract(&mut self, other: &Self) {
        let mut borrows = false;
        for (index, limb) in self.0.iter_mut().enumerate() {
            let (difference, first) = limb.overflowing_sub(other.limb(index));
            let (difference, second) = difference.overflowing_sub(u32::from(borrows));
            (*limb, borrows) = (difference, first || second);
        }
        self.trim();
    }

    fn shifted_left(&self, bits: usize) -> Self {
        let mut factor = vec![0; bits / LIMB];
        factor.push(1 << (bits % LIMB));
        self.times(&Self::new(factor))
    }
}

impl PartialOrd for Natural {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Natural {
    fn cmp(&self, other: &Self) -> Ordering {
        let by_length = self.0.len().cmp(&other.0.len());
        by_length.then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the lowest limb is meant")]
fn take_limb(carry: &mut u64) -> u32 {
    let limb = *carry as u32;
    *carry >>= LIMB;
    limb
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn natural(number: u128) -> Natural {
        Natural::from_bytes(&number.to_be_bytes())
    }

    fn number(natural: &Natural) -> u128 {
        natural.to_bytes().iter().fold(0, |number, &byte| number << 8 | u128::from(byte))
    }

    proptest! {
        #[test]
        fn arithmetic_is_that_of_the_machine(a in any::<u64>(), b in any::<u64>(), c in any::<u128>(), shift in 0..128_u32) {
            let (x, y, z) = (u128::from(a), u128::from(b), c >> shift);
            prop_assert_eq!(number(&natural(x).plus(&natural(y))), x + y);
            prop_assert_eq!(number(&natural(x).times(&natural(y))), x * y);
            prop_assert_eq!(natural(z).minus(&natural(y)).map(|difference| number(&difference)), z.checked_sub(y));
            let divided = natural(z).divided_by(&natural(y)).map(|(quotient, rest)| (number(&quotient), number(&rest)));
            prop_assert_eq!(divided, (y != 0).then(|| (z / y, z % y)));
            prop_assert_eq!(number(&natural(z).square_root()), z.isqrt());
            prop_assert_eq!(natural(z).bits(), 128 - z.leading_zeros() as usize);
            let divisor = number(&natural(x).greatest_common_divisor(&natural(y)));
            prop_assert!(divisor == 0 || x % divisor == 0 && y % divisor == 0);
            if let Some(inverse) = natural(x).inverse(&natural(y)) {
                prop_assert_eq!(number(&natural(x).times(&inverse).modulo(&natural(y)).unwrap()), 1 % y);
                prop_assert_eq!(divisor, 1);
            } else {
                prop_assert!(divisor != 1 || y <= 1);
            }
        }

        #[test]
        fn quotient_and_remainder_make_up_large_numbers(
            a in proptest::collection::vec(any::<u8>(), 0..200),
            b in proptest::collection::vec(any::<u8>(), 1..120),
        ) {
            let (a, b) = (Natural::from_bytes(&a), Natural::from_bytes(&b));
            if let Some((quotient, remainder)) = a.divided_by(&b) {
                prop_assert!(remainder < b);
                prop_assert!(quotient.times(&b).plus(&remainder) == a);
            }
        }
    }
}

//! One member of a set, field of a hash or member of a sorted set, in one allocation: the layout,
//! and the unsafe code for it.
//!
//! Owned by `elements`; a `Member` is a pointer that owns its memory. What it has besides its bytes
//! costs nothing where it is missing. Must not know hashes, tables or the clock.
//! ```text
//! head 1 | length 0, 1, 2 or 4 | score 8 (SCORED) | expiry 6 (EXPIRES) | bytes | value (VALUED)
//! head: SCORED 80, VALUED 40, EXPIRES 20, low 5 bits: length to 28; 29, 30, 31: in 1, 2, 4 bytes
//! value: length to 253 in 1 byte | fe, length 2 | ff, length 4 | its bytes      (all numbers LE)
//! ```

use super::size_class::size_class;
use super::table::Keyed;
use crate::limits::MEMBER_EXPIRY_MS_MAX;
use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::fmt;
use std::ptr::NonNull;

const SCORED: u8 = 0x80;
const VALUED: u8 = 0x40;
const EXPIRES: u8 = 0x20;
const CODE_MASK: u8 = 0x1f;
/// Codes of lengths that follow the head in one, two and four bytes; smaller ones are the length.
const CODE_1: u8 = 29;
const CODE_2: u8 = 30;
const CODE_4: u8 = 31;
const MARK_2: u8 = 0xfe;
const MARK_4: u8 = 0xff;
const SCORE_BYTES: usize = 8;
const EXPIRY_BYTES: usize = 6;
const _: () = assert!(MEMBER_EXPIRY_MS_MAX < 1 << (8 * EXPIRY_BYTES));
/// What the allocator's classes are aligned to.
const ALIGN: usize = 8;

/// Bytes, perhaps with a value, a score and an expiry. Dropping it frees everything. Its address
/// stays until it gets or loses an expiry, or another value.
#[repr(transparent)]
pub struct Member {
    at: NonNull<u8>,
}

// SAFETY: a member owns its memory alone, and it holds plain bytes.
unsafe impl Send for Member {}
const _: () = assert!(size_of::<Option<Member>>() == 8);

/// All that a member holds, on its way into one.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Parts<'a> {
    bytes: &'a [u8],
    value: Option<&'a [u8]>,
    score: Option<f64>,
    expiry: Option<u64>,
}

/// Where each part lies.
#[derive(Clone, Copy)]
struct Layed {
    score_at: usize,
    expiry_at: usize,
    bytes_at: usize,
    bytes_len: usize,
}

impl Layed {
    #[inline]
    fn new(head: u8, length_bytes: usize, bytes_len: usize) -> Layed {
        let score_at = 1 + length_bytes;
        let expiry_at = score_at + if head & SCORED == 0 { 0 } else { SCORE_BYTES };
        let bytes_at = expiry_at + if head & EXPIRES == 0 { 0 } else { EXPIRY_BYTES };
        Layed {
            score_at,
            expiry_at,
            bytes_at,
            bytes_len,
        }
    }

    #[inline]
    fn value_at(self) -> usize {
        self.bytes_at + self.bytes_len
    }
}

/// The code of a length, and how many bytes it takes besides.
#[inline]
fn length_code(len: usize) -> (u8, usize) {
    match len {
        0..29 => (len as u8, 0),
        29..0x100 => (CODE_1, 1),
        0x100..0x1_0000 => (CODE_2, 2),
        _ => (CODE_4, 4),
    }
}

/// Bytes in front of a value.
#[inline]
fn value_head(len: usize) -> usize {
    match len {
        0..=253 => 1,
        254..=0xffff => 3,
        _ => 5,
    }
}

#[inline]
fn value_bytes(value: Option<&[u8]>) -> usize {
    value.map_or(0, |value| value_head(value.len()) + value.len())
}

impl Member {
    /// A member of a set.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Member {
        Member::build(Parts {
            bytes,
            value: None,
            score: None,
            expiry: None,
        })
    }

    /// A field of a hash.
    #[must_use]
    pub fn with_value(bytes: &[u8], value: &[u8]) -> Member {
        Member::build(Parts {
            bytes,
            value: Some(value),
            score: None,
            expiry: None,
        })
    }

    /// A member of a sorted set.
    #[must_use]
    pub fn with_score(bytes: &[u8], score: f64) -> Member {
        Member::build(Parts {
            bytes,
            value: None,
            score: Some(score),
            expiry: None,
        })
    }

    fn build(parts: Parts<'_>) -> Member {
        let Parts { bytes, value, .. } = parts;
        for part in [bytes, value.unwrap_or(&[])] {
            assert!(
                u32::try_from(part.len()).is_ok(),
                "the protocol bounds arguments at 512 MB"
            );
        }
        let (code, length_bytes) = length_code(bytes.len());
        let head = code
            | if value.is_some() { VALUED } else { 0 }
            | if parts.score.is_some() { SCORED } else { 0 }
            | if parts.expiry.is_some() { EXPIRES } else { 0 };
        let layed = Layed::new(head, length_bytes, bytes.len());
        let mut member = Member::allocate(layed.value_at() + value_bytes(value));
        member.write(0, &[head]);
        member.write(1, &bytes.len().to_le_bytes()[..length_bytes]);
        if let Some(score) = parts.score {
            member.write(layed.score_at, &score.to_le_bytes());
        }
        if let Some(expiry) = parts.expiry {
            member.write_expiry(layed, expiry);
        }
        member.write(layed.bytes_at, bytes);
        if let Some(value) = value {
            member.write_value(layed, value);
        }
        member
    }

    fn layout(bytes: usize) -> Layout {
        Layout::from_size_align(size_class(bytes), ALIGN)
            .expect("bytes and a value are below isize::MAX")
    }

    fn allocate(bytes: usize) -> Member {
        assert!(bytes > 0, "there is a head");
        let layout = Member::layout(bytes);
        // SAFETY: the size is not zero, as just asserted.
        let Some(at) = NonNull::new(unsafe { alloc(layout) }) else {
            handle_alloc_error(layout)
        };
        #[cfg(test)]
        super::testing::live::add(1);
        Member { at }
    }

    /// Writes within the allocation, which the caller has made large enough.
    #[inline]
    fn write(&mut self, at: usize, bytes: &[u8]) {
        // SAFETY: callers write the parts of the layout that the allocation was made for; what is
        // written comes from elsewhere, for `self` is borrowed mutably.
        unsafe {
            let place = self.at.as_ptr().add(at);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), place, bytes.len());
        }
    }

    /// `len` bytes that were written.
    #[inline]
    fn read(&self, at: usize, len: usize) -> &[u8] {
        // SAFETY: callers read parts that the head says are there; they live while `self` is
        // borrowed.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr().add(at), len) }
    }

    /// A number of up to eight bytes.
    #[inline]
    fn number<const LEN: usize>(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes[..LEN].copy_from_slice(self.read(at, LEN));
        u64::from_le_bytes(bytes)
    }

    #[inline]
    fn head(&self) -> u8 {
        self.read(0, 1)[0]
    }

    #[inline]
    fn layed(&self) -> Layed {
        let head = self.head();
        let (length_bytes, len) = match head & CODE_MASK {
            CODE_1 => (1, self.number::<1>(1)),
            CODE_2 => (2, self.number::<2>(1)),
            CODE_4 => (4, self.number::<4>(1)),
            len => (0, u64::from(len)),
        };
        Layed::new(head, length_bytes, len as usize)
    }

    fn write_expiry(&mut self, layed: Layed, expiry: u64) {
        assert!(expiry <= MEMBER_EXPIRY_MS_MAX, "callers refuse later ones");
        self.write(layed.expiry_at, &expiry.to_le_bytes()[..EXPIRY_BYTES]);
    }

    fn write_value(&mut self, layed: Layed, value: &[u8]) {
        let (at, len) = (layed.value_at(), value.len().to_le_bytes());
        match value_head(value.len()) {
            1 => self.write(at, &len[..1]),
            3 => self.write(at, &[MARK_2, len[0], len[1]]),
            _ => self.write(at, &[MARK_4, len[0], len[1], len[2], len[3]]),
        }
        self.write(at + value_head(value.len()), value);
    }

    /// The member itself: what it is found by.
    #[inline]
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        let layed = self.layed();
        self.read(layed.bytes_at, layed.bytes_len)
    }

    /// What a field has as its value.
    #[inline]
    #[must_use]
    pub fn value(&self) -> Option<&[u8]> {
        if self.head() & VALUED == 0 {
            return None;
        }
        let at = self.layed().value_at();
        let (from, len) = match self.read(at, 1)[0] {
            MARK_2 => (3, self.number::<2>(at + 1)),
            MARK_4 => (5, self.number::<4>(at + 1)),
            len => (1, u64::from(len)),
        };
        Some(self.read(at + from, len as usize))
    }

    #[inline]
    #[must_use]
    pub fn score(&self) -> Option<f64> {
        (self.head() & SCORED != 0)
            .then(|| f64::from_bits(self.number::<SCORE_BYTES>(self.layed().score_at)))
    }

    /// When it expires, unix milliseconds.
    #[inline]
    #[must_use]
    pub fn expiry(&self) -> Option<u64> {
        (self.head() & EXPIRES != 0).then(|| self.number::<EXPIRY_BYTES>(self.layed().expiry_at))
    }

    #[inline]
    fn parts(&self) -> Parts<'_> {
        Parts {
            bytes: self.bytes(),
            value: self.value(),
            score: self.score(),
            expiry: self.expiry(),
        }
    }

    /// Changes the score in place. Panics where there was none.
    #[inline]
    pub fn set_score(&mut self, score: f64) {
        assert!(
            self.head() & SCORED != 0,
            "only what has a score changes it"
        );
        self.write(self.layed().score_at, &score.to_le_bytes());
    }

    /// Changes the value, in place where the allocation's class stays. Panics where there was none.
    #[inline]
    pub fn set_value(&mut self, value: &[u8]) {
        assert!(
            self.head() & VALUED != 0,
            "only what has a value changes it"
        );
        let layed = self.layed();
        let wanted = layed.value_at() + value_bytes(Some(value));
        if size_class(wanted) == self.allocation_bytes() {
            self.write_value(layed, value);
        } else {
            *self = Member::build(Parts {
                value: Some(value),
                ..self.parts()
            });
        }
    }

    /// Gives it an expiry of at most `MEMBER_EXPIRY_MS_MAX`, or takes it away.
    pub fn set_expiry(&mut self, expiry: Option<u64>) {
        match (expiry, self.head() & EXPIRES != 0) {
            (Some(expiry), true) => self.write_expiry(self.layed(), expiry),
            (None, false) => {}
            _ => {
                *self = Member::build(Parts {
                    expiry,
                    ..self.parts()
                });
            }
        }
    }

    /// What it occupies in the allocator.
    #[inline]
    #[must_use]
    pub fn allocation_bytes(&self) -> usize {
        size_class(self.layed().value_at() + value_bytes(self.value()))
    }

    /// Its address, for an index beside the table: see `at`.
    #[inline]
    #[must_use]
    pub fn address(&self) -> NonNull<u8> {
        self.at
    }

    /// The member at an address.
    ///
    /// # Safety
    /// It must be the `address` of a member that is not dropped, nor changed by anybody else, while
    /// what is returned is used, and that has not moved since (see `Member`).
    #[inline]
    #[must_use]
    pub unsafe fn at(address: &NonNull<u8>) -> &Member {
        // SAFETY: a member is nothing but its address (`repr(transparent)`); the rest is promised.
        unsafe { NonNull::from(address).cast::<Member>().as_ref() }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        #[cfg(test)]
        super::testing::live::add(-1);
        let layout = Member::layout(self.allocation_bytes());
        // SAFETY: the class of what is in it is the one it was allocated with: an edit that would
        // change the class makes another member.
        unsafe { dealloc(self.at.as_ptr(), layout) }
    }
}

impl Clone for Member {
    fn clone(&self) -> Member {
        Member::build(self.parts())
    }
}

impl Keyed for Member {
    #[inline]
    fn key(&self) -> &[u8] {
        self.bytes()
    }
}

impl fmt::Debug for Member {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts().fmt(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::{Random, live};

    /// Lengths on both sides of every change of the layout.
    const LENGTHS: [usize; 14] = [
        0, 1, 14, 15, 16, 28, 29, 30, 253, 254, 255, 256, 65_535, 65_536,
    ];

    fn text(random: &mut Random) -> Vec<u8> {
        let len = LENGTHS[random.below(LENGTHS.len())];
        vec![random.next() as u8; len]
    }

    #[test]
    fn random_edits_follow_a_model() {
        let before = live::count();
        let mut random = Random::new(5);
        for _ in 0..3000 {
            let (bytes, mut value, mut score) = (text(&mut random), None, None);
            let (mut expiry, kind) = (None, random.below(3));
            let mut member = match kind {
                0 => Member::new(&bytes),
                1 => Member::with_value(&bytes, b""),
                _ => Member::with_score(&bytes, -1.5),
            };
            match kind {
                0 => {}
                1 => value = Some(Vec::new()),
                _ => score = Some(-1.5),
            }
            for _ in 0..12 {
                match random.below(4) {
                    0 if value.is_some() => {
                        value = Some(text(&mut random));
                        member.set_value(value.as_deref().expect("it was just made"));
                    }
                    1 if score.is_some() => {
                        score = Some(random.next() as f64 / 3.0);
                        member.set_score(score.expect("it was just made"));
                    }
                    2 => {
                        expiry = Some(random.next() % (MEMBER_EXPIRY_MS_MAX + 1));
                        member.set_expiry(expiry);
                    }
                    _ => {
                        expiry = None;
                        member.set_expiry(None);
                    }
                }
                for seen in [&member, &member.clone()] {
                    assert_eq!(seen.bytes(), bytes);
                    assert_eq!(seen.value(), value.as_deref());
                    assert_eq!((seen.score(), seen.expiry()), (score, expiry));
                }
            }
        }
        assert_eq!(live::count(), before, "nothing leaks");
    }

    #[test]
    fn a_short_member_costs_one_byte_more_than_it_has() {
        assert_eq!(Member::new(&[1; 15]).allocation_bytes(), 16);
        assert_eq!(Member::new(&[1; 28]).allocation_bytes(), 32);
        assert_eq!(Member::with_score(&[1; 15], 1.0).allocation_bytes(), 32);
        assert_eq!(Member::with_value(&[1; 8], &[2; 6]).allocation_bytes(), 16);
        let mut field = Member::with_value(&[1; 5], &[2; 3]);
        let without = field.allocation_bytes();
        field.set_expiry(Some(MEMBER_EXPIRY_MS_MAX));
        assert!(field.allocation_bytes() <= without + 16);
    }

    #[test]
    fn an_address_leads_to_its_member() {
        let mut member = Member::with_score(b"member", 1.0);
        let address = member.address();
        member.set_score(2.5);
        // SAFETY: the member is alive, unmoved, and not changed while it is looked at.
        let seen = unsafe { Member::at(&address) };
        assert_eq!((seen.bytes(), seen.score()), (&b"member"[..], Some(2.5)));
    }
}

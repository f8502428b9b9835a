//! The hash slot of a key: CRC-16/XMODEM of the key or of its {tag}, modulo 16384.
//!
//! As Redis Cluster specifies it, so that cluster clients compute the same. Pure; called once per
//! key on its way to a shard, and again only where a handler meets a key that was not routed.

use crate::limits::SLOTS;
use crate::store::Slot;

const POLYNOMIAL: u16 = 0x1021;

const TABLE: [u16; 256] = {
    let mut table = [0u16; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 {
                (crc << 1) ^ POLYNOMIAL
            } else {
                crc << 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
};

/// `SLICES[n][byte]`: the CRC of that byte with n zero bytes behind it; eight bytes are folded at
/// once (Kounavis, Berry: "A systematic approach to building high performance software-based CRC
/// generators", 2005).
const SLICES: [[u16; 256]; 8] = {
    let mut slices = [TABLE; 8];
    let mut slice = 1;
    while slice < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = slices[slice - 1][byte];
            slices[slice][byte] = (crc << 8) ^ TABLE[(crc >> 8) as usize];
            byte += 1;
        }
        slice += 1;
    }
    slices
};

#[inline]
fn crc16(bytes: &[u8]) -> u16 {
    let (eights, rest) = bytes.as_chunks::<8>();
    let crc = eights.iter().fold(0u16, |crc, eight| {
        let [high, low] = crc.to_be_bytes();
        SLICES[7][usize::from(eight[0] ^ high)]
            ^ SLICES[6][usize::from(eight[1] ^ low)]
            ^ SLICES[5][usize::from(eight[2])]
            ^ SLICES[4][usize::from(eight[3])]
            ^ SLICES[3][usize::from(eight[4])]
            ^ SLICES[2][usize::from(eight[5])]
            ^ SLICES[1][usize::from(eight[6])]
            ^ SLICES[0][usize::from(eight[7])]
    });
    crc16_bytewise(crc, rest)
}

fn crc16_bytewise(crc: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(crc, |crc, &byte| {
        (crc << 8) ^ TABLE[usize::from((crc >> 8) ^ u16::from(byte)) & 0xff]
    })
}

/// The slot. An empty tag `{}` counts as none.
#[inline]
#[must_use]
pub fn key_slot(key: &[u8]) -> Slot {
    let tagged = memchr::memchr(b'{', key)
        .and_then(|open| {
            let inside = &key[open + 1..];
            memchr::memchr(b'}', inside).map(|close| &inside[..close])
        })
        .filter(|tag| !tag.is_empty());
    Slot::new(crc16(tagged.unwrap_or(key)) & (SLOTS as u16 - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        let text: Vec<u8> = (0..200u8).map(|n| n.wrapping_mul(37)).collect();
        for len in 0..text.len() {
            assert_eq!(
                crc16(&text[..len]),
                crc16_bytewise(0, &text[..len]),
                "{len} bytes"
            );
        }
        assert_eq!(key_slot(b"foo").number(), 12182);
        assert_eq!(key_slot(b"{user1000}.following"), key_slot(b"user1000"));
        assert_eq!(
            key_slot(b"foo{}{bar}").number(),
            crc16(b"foo{}{bar}") & 16383
        );
        assert_eq!(key_slot(b"foo{{bar}}zap").number(), crc16(b"{bar") & 16383);
    }
}

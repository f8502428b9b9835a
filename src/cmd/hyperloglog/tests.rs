//! HyperLogLog commands against the fixture: what is told, what is kept, bytes that are none.
//!
//! What redis-server 7.0.15 answers, and which bytes it keeps, stands in
//! `tests/wire/hyperloglog.txt`.

use super::{HEADER_LEN, REGISTERS, dense, empty, estimate, histogram, merge, raise, to_dense};
use crate::cmd::Random;
use crate::cmd::fixture::Fixture;

const CORRUPT: &str = "-INVALIDOBJ Corrupted HLL object detected\r\n";

#[test]
fn pfadd() {
    let mut f = Fixture::new();
    f.check("PFADD a", ":1\r\n");
    assert_eq!(f.events(), ["new a", "pfadd a"]);
    assert_eq!((f.effects.dirty, f.encoding("a")), (1, "raw"));
    f.forget();
    f.check("PFADD a x y x", ":1\r\n");
    assert_eq!(f.effects.dirty, 2);
    f.forget();
    f.check("PFADD a x y", ":0\r\n");
    assert_eq!((f.effects.dirty, f.events().len()), (0, 0));
    f.check("PFADD new x", ":1\r\n");
    assert_eq!(f.effects.dirty, 2, "made, and raised");
}

#[test]
fn pfcount_tells_what_it_keeps() {
    let mut f = Fixture::new();
    f.check("PFADD a 1 2 3", ":1\r\n");
    f.forget();
    f.check("PFCOUNT a", ":3\r\n");
    assert_eq!((f.effects.dirty, f.effects.hits), (1, 1));
    f.forget();
    f.check("PFCOUNT a", ":3\r\n");
    f.check("PFCOUNT a a", ":3\r\n");
    assert_eq!((f.effects.dirty, f.effects.hits), (0, 3));
    f.check("PFCOUNT nothing", ":0\r\n");
    assert_eq!((f.effects.dirty, f.effects.misses), (0, 1));
}

#[test]
fn pfmerge() {
    let mut f = Fixture::new();
    f.check("PFADD a 1 2", ":1\r\n");
    f.check("PFADD b 2 3", ":1\r\n");
    f.forget();
    f.check("PFMERGE to a b", "+OK\r\n");
    assert_eq!(f.events(), ["keymiss to", "new to", "pfadd to"]);
    assert_eq!(f.effects.dirty, 1);
    f.check("PFCOUNT to", ":3\r\n");
    f.check("PFDEBUG TODENSE b", ":1\r\n");
    f.check("PFMERGE to b", "+OK\r\n");
    f.check("PFDEBUG ENCODING to", "+dense\r\n");
    f.check("PFCOUNT to", ":3\r\n");
}

#[test]
fn pfdebug() {
    let mut f = Fixture::new();
    f.check("PFADD a x", ":1\r\n");
    f.forget();
    f.check("PFDEBUG ENCODING a", "+sparse\r\n");
    assert_eq!(f.effects.dirty, 0);
    let registers = f.run("PFDEBUG GETREG a");
    assert!(registers.starts_with(&format!("*{REGISTERS}\r\n:0\r\n")));
    assert_eq!(registers.matches(":0\r\n").count(), REGISTERS - 1);
    assert_eq!(f.effects.dirty, 1, "it is dense now");
    f.check("PFDEBUG TODENSE a", ":0\r\n");
    assert_eq!(f.effects.dirty, 1);
}

#[test]
fn pfselftest() {
    Fixture::new().check("PFSELFTEST", "+OK\r\n");
}

/// Sparse, dense and a plain array of registers, raised alike, count alike.
#[test]
fn both_encodings_are_the_same_registers() {
    let mut random = Random::new(4);
    let mut small = empty();
    let mut large = to_dense(&small).expect("complete");
    let mut plain = [0; REGISTERS];
    for _ in 0..2000 {
        let (index, value) = estimate::place(&random.next_u64().to_le_bytes());
        raise(&mut small, index, value, 1 << 20).expect("complete");
        raise(&mut large, index, value, 0).expect("complete");
        plain[index] = value.max(plain[index]);
    }
    assert!(small[4] == super::SPARSE && large[4] == super::DENSE);
    assert_eq!(histogram(&small), histogram(&large));
    assert_eq!(to_dense(&small).as_ref(), Ok(&large));
    for bytes in [&small, &large] {
        let mut merged = [0; REGISTERS];
        merge(&mut merged, bytes).expect("complete");
        assert_eq!(merged, plain);
    }
}

/// Any bytes behind a right header are answered.
#[test]
fn corrupt_registers_get_an_error() {
    let mut random = Random::new(6);
    let mut refused = 0;
    for round in 0..400 {
        let mut bytes = empty();
        bytes.truncate(HEADER_LEN);
        bytes[15] = 0x80;
        let len = if round % 2 == 0 { round } else { dense::BYTES };
        bytes[4] = u8::from(len != dense::BYTES);
        for _ in 0..len {
            bytes.push(random.next_u64().to_le_bytes()[2]);
        }
        let mut f = Fixture::new();
        for key in [b"k0", b"k1"] {
            f.run_words(&[b"SET", key, &bytes]);
        }
        for command in [
            "PFCOUNT k0",
            "PFCOUNT k0 k1",
            "PFMERGE k1 k0",
            "PFADD k0 a b c d e f",
            "PFDEBUG DECODE k0",
            "PFDEBUG TODENSE k0",
        ] {
            refused += usize::from(f.run(command) == CORRUPT);
        }
    }
    assert!(refused > 500, "{refused}");
}

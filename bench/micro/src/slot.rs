//! Slot: CRC16 of a key, or of its {tag}.
//!
//! Paid once per key of every command on its way to a shard.

use std::hint::black_box;

use cairn::cmd::key_slot;

use crate::measure::Bench;

pub fn run(bench: &mut Bench) {
    let keys: [(&str, &[u8]); 3] = [
        ("slot: 16 bytes", b"key:000000123456"),
        ("slot: 64 bytes", &[b'k'; 64]),
        ("slot: 16 bytes, tag of 8", b"{user1000}:items"),
    ];
    for (name, key) in keys {
        bench.run(name, 1, || {
            black_box(key_slot(black_box(key)));
        });
    }
}

//! Commands as bytes, and the numbers that choose them.
//!
//! Numbers come from a fixed seed, so that every server gets the same commands.

/// Appends one command.
pub fn push(out: &mut Vec<u8>, arguments: &[&str]) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        out.extend_from_slice(format!("${}\r\n{argument}\r\n", argument.len()).as_bytes());
    }
}

/// SplitMix64.
pub struct Numbers(pub u64);

impl Numbers {
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A value of 64 bytes.
pub const VALUE: &str = "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv";

#[cfg(test)]
mod tests {
    #[test]
    fn a_command_is_an_array_of_bulks() {
        let mut out = Vec::new();
        super::push(&mut out, &["GET", "key"]);
        assert_eq!(out, b"*2\r\n$3\r\nGET\r\n$3\r\nkey\r\n");
        assert_eq!(super::VALUE.len(), 64);
    }
}

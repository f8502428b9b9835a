//! The target `record` for libFuzzer; the checks are in `src/`, shared with the plain driver.
//!
//! Only this glue differs between the two; it must hold no check of its own.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| cairn_fuzz::find("record").expect("a known target").check(data));

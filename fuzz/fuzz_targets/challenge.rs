//! The fuzzer's entry to `src/challenge.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::challenge::check(input));

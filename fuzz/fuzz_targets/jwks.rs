//! The fuzzer's entry to `src/jwks.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::jwks::check(input));

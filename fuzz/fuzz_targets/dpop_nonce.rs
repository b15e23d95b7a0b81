//! The fuzzer's entry to `src/dpop_nonce.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::dpop_nonce::check(input));

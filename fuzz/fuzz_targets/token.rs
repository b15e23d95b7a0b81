//! The fuzzer's entry to `src/token.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::token::check(input));

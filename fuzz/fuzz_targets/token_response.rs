//! The fuzzer's entry to `src/token_response.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::token_response::check(input));

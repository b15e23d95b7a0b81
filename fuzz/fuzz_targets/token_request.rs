//! The fuzzer's entry to `src/token_request.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::token_request::check(input));

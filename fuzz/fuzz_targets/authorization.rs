//! The fuzzer's entry to `src/authorization.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::authorization::check(input));

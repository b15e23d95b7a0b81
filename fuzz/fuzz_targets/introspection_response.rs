//! The fuzzer's entry to `src/introspection_response.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::introspection_response::check(input));

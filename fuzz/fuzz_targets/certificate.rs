//! The fuzzer's entry to `src/certificate.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::certificate::check(input));

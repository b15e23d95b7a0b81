//! The fuzzer's entry to `src/revocation_line.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::revocation_line::check(input));

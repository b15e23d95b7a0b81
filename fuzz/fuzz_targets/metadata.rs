//! The fuzzer's entry to `src/metadata.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::metadata::check(input));

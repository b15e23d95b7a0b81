//! The fuzzer's entry to `src/security_event.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::security_event::check(input));

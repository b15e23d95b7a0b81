//! The fuzzer's entry to `src/program_config.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::program_config::check(input));

//! The fuzzer's entry to `src/openapi_document.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| scopegate_fuzz::openapi_document::check(input));

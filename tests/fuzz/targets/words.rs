//! Ids, queries, texts and headers.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flashdeal_app::properties::words(data));

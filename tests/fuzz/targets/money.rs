//! Prices as text and as JSON.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flashdeal_app::properties::money(data));

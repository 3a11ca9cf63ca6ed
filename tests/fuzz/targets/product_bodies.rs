//! Bodies that create and change products.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flashdeal_app::properties::product_bodies(data));

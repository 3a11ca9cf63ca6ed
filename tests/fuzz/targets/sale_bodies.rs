//! Bodies that reserve, release and check out.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flashdeal_app::properties::sale_bodies(data));

//! Durations, budgets, CIDRs and `X-Forwarded-For`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| flashdeal_app::properties::settings(data));

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| dispatchctl::testkit::fuzz::hold("calendars", bytes));

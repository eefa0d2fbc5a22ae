//! The test harness: every case is an .or file beside its expectation.

//! The port contract as a test suite that every adapter runs.

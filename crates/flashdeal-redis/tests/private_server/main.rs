//! The adapter on private servers: faults of Redis, the rate limit, other topologies.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, in its helpers too")]

mod books;
mod crowd;
mod faults;
mod few;
mod rate_limit;
mod support;
mod terms;
mod topologies;

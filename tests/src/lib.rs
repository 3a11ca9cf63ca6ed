//! The integration test harness: private servers, faults between them, and the real binary.
//!
//! Every test gets servers of its own, started from the machine's PostgreSQL and Redis programs in throwaway folders and on free
//! loopback ports, and never touches a server that was there before. A missing program is an error, so a test that needs it fails.
//!
//! Everything that is started works inside one folder of the test run. That makes ending it certain: whatever has its working
//! directory in there belongs to the run, and a watchdog process ends all of it when the runner ends, however it ends.
//!
//! The harness reads `/proc`, so it needs Linux.

pub mod certificates;
pub mod cluster;
pub mod deploy;
pub mod folder;
pub mod http;
pub mod linear;
pub mod port;
pub mod postgres;
pub mod process;
pub mod programs;
pub mod proxy;
pub mod redis;
pub mod resp;
pub mod sentinel;
pub mod storm;
pub mod supervised;
pub mod watchdog;

//! Free loopback ports that stay free for whoever they are given to.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

/// Ports are handed out from this range. It lies below the one from which Linux takes the ports of outgoing connections (32768
/// and up), so a client that keeps dialling a server which is down can never end up holding the server's own port.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A loopback address on which nothing listens. No two calls of one process get the same one (until 20 000 were handed out);
/// processes start at different places in the range.
///
/// # Errors
///
/// When a whole round through the range finds no free port.
pub fn free() -> Result<SocketAddr> {
    let start = std::process::id().wrapping_mul(61) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = u32::from(NEXT.fetch_add(1, Ordering::Relaxed));
        let offset = u16::try_from((start + step) % u32::from(COUNT))?;
        let addr = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + offset));
        if TcpListener::bind(addr).is_ok() {
            return Ok(addr);
        }
    }
    bail!("no free port between {FIRST} and {}", FIRST + COUNT - 1)
}

//! One keep-alive connection with at most one request under way.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};

use super::response::{self, Head};
use super::{Answer, Ask};

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Underway {
    pub(super) ask: Ask,
    /// When it was sent, or should have been.
    pub(super) begun: Instant,
}

#[derive(Debug)]
pub(super) struct Connection {
    pub(super) stream: TcpStream,
    pub(super) underway: Option<Underway>,
    /// The request; reused.
    pub(super) request: Vec<u8>,
    written: usize,
    /// What came of an answer that did not come in one piece.
    partial: Vec<u8>,
}

impl Connection {
    pub(super) fn open(addr: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(addr).context("cannot connect")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self { stream, underway: None, request: Vec::with_capacity(512), written: 0, partial: Vec::new() })
    }

    /// Sends what `request` holds.
    pub(super) fn send(&mut self, ask: Ask, begun: Instant) -> Result<()> {
        self.underway = Some(Underway { ask, begun });
        self.written = 0;
        self.flush()
    }

    /// Sends what is left to be sent.
    pub(super) fn flush(&mut self) -> Result<()> {
        while let Some(rest) = self.request.get(self.written..).filter(|rest| !rest.is_empty()) {
            match self.stream.write(rest) {
                Ok(written) => self.written += written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("the server hung up while it was asked"),
            }
        }
        Ok(())
    }

    /// Reads what came, into `scratch`. Hands an answer that is whole to `take` with what it answers, and tells whether there
    /// was one. Epoll tells edges, so it reads until there is no more; a short read says so too.
    pub(super) fn receive(
        &mut self,
        scratch: &mut [u8],
        mut take: impl FnMut(Underway, Answer<'_>) -> Result<()>,
    ) -> Result<bool> {
        let mut whole = false;
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => bail!("the server hung up"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(whole),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("the server hung up"),
            };
            let came = scratch.get(..read).unwrap_or_default();
            if self.partial.is_empty() {
                match response::parse(came)? {
                    Some(head) if head.end <= came.len() => {
                        whole = true;
                        self.hand(head, came, &mut take)?;
                    }
                    _ => self.partial.extend_from_slice(came),
                }
            } else {
                let mut partial = std::mem::take(&mut self.partial);
                partial.extend_from_slice(came);
                match response::parse(&partial)? {
                    Some(head) if head.end <= partial.len() => {
                        whole = true;
                        self.hand(head, &partial, &mut take)?;
                        partial.clear();
                    }
                    _ => {}
                }
                self.partial = partial;
            }
            if read < scratch.len() {
                return Ok(whole);
            }
        }
    }

    fn hand(
        &mut self,
        head: Head,
        bytes: &[u8],
        take: &mut impl FnMut(Underway, Answer<'_>) -> Result<()>,
    ) -> Result<()> {
        ensure!(head.end == bytes.len(), "more came than was asked for");
        let underway = self.underway.take().context("an answer to nothing")?;
        let body = bytes.get(head.body..head.end).unwrap_or_default();
        take(underway, Answer { status: head.status, body })
    }
}

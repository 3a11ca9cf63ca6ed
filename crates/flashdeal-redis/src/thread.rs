//! A thread that does nothing but call the gate.

use std::convert::Infallible;
use std::io;
use std::thread::Builder;

use tokio::runtime::{self, Handle};
use tokio::sync::oneshot;

/// A thread with a runtime, until this is dropped. What runs there then is cut off.
///
/// Redis does one batch after the other, so while an answer of its lies unread it stands idle. A thread that serves callers would come
/// to read it only when it is through with the callers it is at.
pub(crate) struct OwnThread {
    runtime: Handle,
    _end: oneshot::Sender<Infallible>,
}

impl OwnThread {
    pub(crate) fn start() -> io::Result<Self> {
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (end, ended) = oneshot::channel();
        Builder::new().name("redis-gate".to_owned()).spawn(move || {
            // It ends when nobody can send any more.
            let _ = runtime.block_on(ended);
        })?;
        Ok(Self { runtime: handle, _end: end })
    }

    pub(crate) fn runtime(&self) -> Handle {
        self.runtime.clone()
    }
}

//! Makes connections, whatever stands behind the URL.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use deadpool_redis::redis::aio::{ConnectionLike, MultiplexedConnection};
use deadpool_redis::redis::cluster::ClusterClient;
use deadpool_redis::redis::cluster_async::ClusterConnection;
use deadpool_redis::redis::sentinel::{SentinelClient, SentinelNodeConnectionInfo, SentinelServerType};
use deadpool_redis::redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ProtocolVersion, PushInfo, PushKind,
    RedisError, TlsMode, Value,
};

use crate::config::{Topology, connection_info};
use crate::error::ConnectError;

/// A connection that many callers share. Cheap to clone.
#[derive(Clone)]
pub(super) enum Connection {
    Single(MultiplexedConnection),
    /// Reconnects to its nodes and follows their slots by itself.
    Cluster(ClusterConnection),
}

impl Connection {
    pub(super) async fn call(&mut self, command: &Cmd) -> Result<Value, RedisError> {
        let value = match self {
            Self::Single(connection) => connection.req_packed_command(command).await?,
            Self::Cluster(connection) => connection.req_packed_command(command).await?,
        };
        value.extract_error()
    }
}

pub(super) enum Maker {
    Standalone(Client),
    Cluster(ClusterClient),
    Sentinel {
        sentinels: Vec<ConnectionInfo>,
        master: String,
        node: ConnectionInfo,
        /// Which sentinel is asked first: the next one whenever a connection is made, since one may be down.
        first: AtomicUsize,
    },
}

impl Maker {
    pub(super) fn new(topology: &Topology) -> Result<Self, ConnectError> {
        #[cfg(feature = "tls")]
        // Fails only if the process has chosen one already, which is as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let wrong = |error: RedisError| ConnectError::Url(error.to_string());
        Ok(match topology {
            Topology::Standalone(url) => {
                Self::Standalone(Client::open(that_tells(connection_info(url)?)).map_err(wrong)?)
            }
            // A repetition inside the client could run a script twice whose first answer was lost; here nothing is repeated.
            Topology::Cluster(nodes) => Self::Cluster(
                ClusterClient::builder(nodes.iter().map(String::as_str)).retries(0).build().map_err(wrong)?,
            ),
            Topology::Sentinel { sentinels, master, node } => Self::Sentinel {
                sentinels: sentinels.iter().map(|url| connection_info(url)).collect::<Result<_, _>>()?,
                master: master.clone(),
                node: that_tells(connection_info(node)?),
                first: AtomicUsize::new(0),
            },
        })
    }

    pub(super) fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Makes a connection, and a flag that rises when it is lost, known before anything is sent on it.
    pub(super) async fn make(&self) -> Result<(Connection, Arc<AtomicBool>), RedisError> {
        let lost = Arc::new(AtomicBool::new(false));
        // Time limits are the caller's, around everything.
        let settings = AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
        let raised = Arc::clone(&lost);
        let settings = settings.set_push_sender(move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                raised.store(true, Ordering::Release);
            }
            Ok::<(), std::convert::Infallible>(())
        });
        let connection = match self {
            Self::Cluster(client) => Connection::Cluster(client.get_async_connection().await?),
            Self::Standalone(client) => {
                Connection::Single(client.get_multiplexed_async_connection_with_config(&settings).await?)
            }
            Self::Sentinel { .. } => Connection::Single(
                self.sentinel_client()?
                    .async_get_client()
                    .await?
                    .get_multiplexed_async_connection_with_config(&settings)
                    .await?,
            ),
        };
        Ok((connection, lost))
    }

    /// A new one each time: it is needed only when the master is lost, and an old one would remember where it was.
    fn sentinel_client(&self) -> Result<SentinelClient, RedisError> {
        let Self::Sentinel { sentinels, master, node, first } = self else {
            return Err(std::io::Error::other("no sentinels are configured").into());
        };
        let mut sentinels = sentinels.clone();
        let turn = first.fetch_add(1, Ordering::Relaxed);
        let turn = turn.checked_rem(sentinels.len()).unwrap_or(0);
        sentinels.rotate_left(turn);
        let mut about = SentinelNodeConnectionInfo::default().set_redis_connection_info(node.redis_settings().clone());
        if matches!(node.addr(), ConnectionAddr::TcpTls { .. }) {
            about = about.set_tls_mode(TlsMode::Secure);
        }
        SentinelClient::build(sentinels, master.clone(), Some(about), SentinelServerType::Master)
    }
}

/// With RESP3 the client hears at once that a connection is gone.
fn that_tells(info: ConnectionInfo) -> ConnectionInfo {
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    info.set_redis_settings(settings)
}

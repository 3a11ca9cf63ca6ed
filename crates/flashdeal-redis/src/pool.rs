//! A small pool of connections for what is not hot: registry, leave to open, settings. A slow one never delays the gate.

use std::time::Duration;

use deadpool_redis::redis::aio::ConnectionLike;
use deadpool_redis::redis::{Cmd, FromRedisValue, Pipeline, from_redis_value};
use deadpool_redis::{PoolError, Runtime, cluster, sentinel};
use flashdeal_domain::StoreError;
use tokio::time::timeout;

use crate::config::{RedisConfig, Topology, connection_info};
use crate::error::{ConnectError, STORE, store_error};

/// The most connections of the pool.
const SIZE: usize = 8;

pub(crate) struct Pool {
    kind: Kind,
    limit: Duration,
}

enum Kind {
    Standalone(deadpool_redis::Pool),
    Cluster(cluster::Pool),
    Sentinel(sentinel::Pool),
}

impl Pool {
    pub(crate) fn new(config: &RedisConfig) -> Result<Self, ConnectError> {
        Ok(Self { kind: kind(&config.topology)?, limit: config.time_limit })
    }

    pub(crate) async fn query<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        self.within_limit(Box::pin(async {
            let value = match &self.kind {
                Kind::Standalone(pool) => get(pool.get().await)?.req_packed_command(command).await,
                Kind::Cluster(pool) => get(pool.get().await)?.req_packed_command(command).await,
                Kind::Sentinel(pool) => get(pool.get().await)?.req_packed_command(command).await,
            };
            let value = value.and_then(deadpool_redis::redis::Value::extract_error);
            from_redis_value(value.map_err(store_error)?).map_err(|error| StoreError::failed(STORE, error))
        }))
        .await
    }

    /// Sends several commands at once; none of their answers is looked at but for errors.
    pub(crate) async fn send_all(&self, commands: &Pipeline) -> Result<(), StoreError> {
        self.within_limit(Box::pin(async {
            let sent = match &self.kind {
                Kind::Standalone(pool) => commands.exec_async(&mut get(pool.get().await)?).await,
                Kind::Cluster(pool) => commands.exec_async(&mut get(pool.get().await)?).await,
                Kind::Sentinel(pool) => commands.exec_async(&mut get(pool.get().await)?).await,
            };
            sent.map_err(store_error)
        }))
        .await
    }

    /// Making a connection takes a large future: it comes boxed, so that callers need not carry it about.
    async fn within_limit<T>(&self, call: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        timeout(self.limit, call).await.unwrap_or_else(|elapsed| Err(StoreError::unavailable(STORE, elapsed)))
    }
}

fn get<C>(connection: Result<C, PoolError>) -> Result<C, StoreError> {
    connection.map_err(|error| match error {
        PoolError::Backend(error) => store_error(error),
        other => StoreError::unavailable(STORE, other),
    })
}

fn kind(topology: &Topology) -> Result<Kind, ConnectError> {
    let size = deadpool_redis::PoolConfig::new(SIZE);
    let wrong = |error: String| ConnectError::Url(error);
    Ok(match topology {
        Topology::Standalone(url) => {
            let mut config = deadpool_redis::Config::from_url(url.as_str());
            config.pool = Some(size);
            let pool = config.create_pool(Some(Runtime::Tokio1));
            Kind::Standalone(pool.map_err(|error| wrong(error.to_string()))?)
        }
        Topology::Cluster(nodes) => {
            let mut config = cluster::Config::from_urls(nodes.clone());
            config.pool = Some(size);
            let pool = config.create_pool(Some(Runtime::Tokio1));
            Kind::Cluster(pool.map_err(|error| wrong(error.to_string()))?)
        }
        Topology::Sentinel { sentinels, master, node } => {
            let mut config =
                sentinel::Config::from_urls(sentinels.clone(), master.clone(), sentinel::SentinelServerType::Master);
            config.pool = Some(size);
            let node_info = connection_info(node)?;
            let tls = node.starts_with("rediss").then_some(sentinel::TlsMode::Secure);
            let about = sentinel::SentinelNodeConnectionInfo {
                tls_mode: tls,
                redis_connection_info: Some(node_info.redis_settings().clone().into()),
            };
            let pool = config.with_node_connection_info(Some(about)).create_pool(Some(Runtime::Tokio1));
            Kind::Sentinel(pool.map_err(|error| wrong(error.to_string()))?)
        }
    })
}

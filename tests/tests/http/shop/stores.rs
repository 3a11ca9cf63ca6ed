//! What stands behind the instances of a shop.

use flashdeal_postgres::{PostgresConfig, run_pending_migrations};
use flashdeal_tests::cluster::{LentCluster, RedisCluster};
use flashdeal_tests::folder::Folder;
use flashdeal_tests::postgres::{Database, PostgresOptions, PrivatePostgres};
use flashdeal_tests::redis::{Persistence, PrivateRedis, RedisOptions};

/// The stores of a shop. Dropping them ends what is its own.
pub(super) enum Stores {
    Embedded { _folder: Folder },
    Distributed(Box<Servers>),
}

pub(super) struct Servers {
    pub(super) gates: Gates,
    pub(super) own_postgres: Option<PrivatePostgres>,
}

/// The Redis of a shop, in whatever form. What is done to it is done to every node.
pub(crate) enum Gates {
    /// One server.
    Server(PrivateRedis),
    /// Three primaries that other shops had before, and will have after this one unless nodes were killed or paused.
    LentCluster(LentCluster),
    /// Three primaries of its own.
    Cluster(RedisCluster),
}

impl Gates {
    /// One server.
    pub(crate) async fn server(persistence: Persistence) -> Self {
        Self::Server(PrivateRedis::start(RedisOptions { persistence, ..RedisOptions::default() }).await.unwrap())
    }

    /// Three primaries, empty.
    pub(crate) async fn lent_cluster() -> Self {
        Self::LentCluster(RedisCluster::lent().await.unwrap())
    }

    pub(crate) fn url(&self) -> String {
        match self {
            Self::Server(server) => server.url(),
            Self::LentCluster(cluster) => cluster.url(),
            Self::Cluster(cluster) => cluster.url(),
        }
    }

    pub(crate) async fn flush(&self) -> anyhow::Result<()> {
        match self {
            Self::Server(server) => server.flush().await,
            Self::LentCluster(cluster) => cluster.flush().await,
            Self::Cluster(cluster) => cluster.flush().await,
        }
    }

    pub(crate) async fn kill9(&self) -> anyhow::Result<()> {
        match self {
            Self::Server(server) => server.kill9().await,
            _ => self.cluster().kill9().await,
        }
    }

    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        match self {
            Self::Server(server) => server.restart().await,
            _ => self.cluster().restart().await,
        }
    }

    pub(crate) fn pause(&self) {
        match self {
            Self::Server(server) => server.pause(),
            _ => self.cluster().pause(),
        }
    }

    pub(crate) fn resume(&self) {
        match self {
            Self::Server(server) => server.resume(),
            _ => self.cluster().resume(),
        }
    }

    /// The cluster, to do with it what one likes.
    #[track_caller]
    pub(crate) fn cluster(&self) -> &RedisCluster {
        match self {
            Self::Server(_) => panic!("this shop has no cluster"),
            Self::LentCluster(cluster) => {
                cluster.keep();
                cluster
            }
            Self::Cluster(cluster) => cluster,
        }
    }
}

impl Stores {
    pub(super) fn embedded(folder: Folder) -> Self {
        Self::Embedded { _folder: folder }
    }

    /// The servers and an empty database with the schema.
    pub(super) async fn distributed(own: bool, replicas: Option<usize>) -> (Self, Database) {
        let gates = async {
            match replicas {
                Some(replicas) if own || replicas > 0 => {
                    Gates::Cluster(RedisCluster::start(Persistence::Always, replicas).await.unwrap())
                }
                Some(_) => Gates::lent_cluster().await,
                None => Gates::server(if own { Persistence::Always } else { Persistence::None }).await,
            }
        };
        let database = async {
            if own {
                let postgres = PrivatePostgres::start(PostgresOptions::default()).await.unwrap();
                let database = postgres.fresh_database("flashdeal", migrate).await.unwrap();
                (Some(postgres), database)
            } else {
                let postgres = PrivatePostgres::shared().await.unwrap();
                (None, postgres.fresh_database("flashdeal", migrate).await.unwrap())
            }
        };
        let (gates, (own_postgres, database)) = tokio::join!(gates, database);
        (Self::Distributed(Box::new(Servers { gates, own_postgres })), database)
    }

    #[track_caller]
    pub(super) fn servers(&self) -> &Servers {
        match self {
            Self::Distributed(servers) => servers,
            Self::Embedded { .. } => panic!("an embedded shop has no servers"),
        }
    }
}

/// The schema of an empty database, as an instance makes it.
pub(crate) async fn migrate(url: String) -> anyhow::Result<()> {
    Ok(run_pending_migrations(&PostgresConfig::new(url)).await?)
}

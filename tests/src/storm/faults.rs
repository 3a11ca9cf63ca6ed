//! The faults themselves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::proxy::{Proxy, runs_statement};
use crate::redis::{Persistence, PrivateRedis, RedisOptions};
use crate::resp::{self, Reply};

use super::options::{FaultKind, Options};
use super::plan::{self, Planned};
use super::shopkeeper::Shelf;
use super::tally::Tally;
use super::weather::Weather;
use super::world::{Instance, World};

/// How long a killed server stays away at most: a restart takes time of its own.
const AWAY: Duration = Duration::from_millis(600);
/// How long an instance may fail to come back because its stores are away.
const RETURN: Duration = Duration::from_secs(40);
/// How long a replica may take to be in step.
const IN_STEP: Duration = Duration::from_secs(10);
/// The pause between two looks, or two lost answers.
const POLL: Duration = Duration::from_millis(40);

/// What faults are done to, and who is told of it.
#[derive(Debug, Clone)]
struct Site {
    world: Arc<World>,
    weather: Arc<Weather>,
    shelf: Arc<Shelf>,
    persistence: Persistence,
}

/// Starts the lanes of faults, which end by themselves after `over`.
#[must_use]
pub fn unleash(
    options: &Options,
    world: &Arc<World>,
    weather: &Arc<Weather>,
    tally: &Arc<Tally>,
    shelf: &Arc<Shelf>,
    over: Instant,
) -> JoinSet<Result<()>> {
    let mut lanes = JoinSet::new();
    for lane in plan::lanes(options) {
        let site = Site {
            world: Arc::clone(world),
            weather: Arc::clone(weather),
            shelf: Arc::clone(shelf),
            persistence: options.persistence,
        };
        let tally = Arc::clone(tally);
        lanes.spawn(async move {
            for fault in lane {
                sleep(fault.pause).await;
                if Instant::now() >= over {
                    break;
                }
                tally.fault();
                site.inject(fault).await.with_context(|| format!("the fault {} went wrong", fault.kind.name()))?;
            }
            Ok(())
        });
    }
    lanes
}

impl Site {
    async fn inject(&self, fault: Planned) -> Result<()> {
        let (index, instance) = self.world.chosen(fault.target)?;
        match fault.kind {
            FaultKind::AppKill => self.kill_app(index, instance, fault).await,
            FaultKind::AppFreeze => self.freeze_app(index, instance, fault).await,
            FaultKind::RedisKill => self.kill_redis(fault).await,
            FaultKind::RedisFreeze => {
                let _busy = self.world.redis_busy.lock().await;
                let redis = self.world.redis().await;
                self.during(fault, false, async || {
                    redis.pause();
                    sleep(fault.lasts).await;
                    redis.resume();
                    Ok(())
                })
                .await
            }
            FaultKind::Flush => self.redis_command(fault, true, &["FLUSHALL"]).await,
            FaultKind::ScriptFlush => self.redis_command(fault, false, &["SCRIPT", "FLUSH"]).await,
            FaultKind::KeyLoss => self.lose_key(fault).await,
            FaultKind::Promote => self.promote(fault).await,
            FaultKind::PostgresKill => {
                let _busy = self.world.postgres_busy.lock().await;
                self.during(fault, false, async || {
                    self.world.postgres.kill9().await?;
                    sleep(fault.lasts.min(AWAY)).await;
                    self.world.postgres.restart().await
                })
                .await
            }
            FaultKind::PostgresFreeze => {
                let _busy = self.world.postgres_busy.lock().await;
                self.during(fault, false, async || {
                    self.world.postgres.pause();
                    sleep(fault.lasts).await;
                    self.world.postgres.resume();
                    Ok(())
                })
                .await
            }
            FaultKind::LostCommit => {
                let lose = || instance.postgres.cut_reply_when(runs_statement);
                self.during(fault, false, || again_and_again(fault.lasts, lose)).await
            }
            FaultKind::LostReply => {
                let lose = || instance.redis.cut_next_reply();
                self.during(fault, false, || again_and_again(fault.lasts, lose)).await
            }
            FaultKind::Cut => {
                self.during(fault, false, async || {
                    way(instance, fault).cut_all();
                    Ok(())
                })
                .await
            }
            FaultKind::Slow => {
                self.during(fault, false, async || {
                    let delay = Duration::from_millis(5 + fault.target % 250);
                    way(instance, fault).delay(delay);
                    sleep(fault.lasts).await;
                    way(instance, fault).delay(Duration::ZERO);
                    Ok(())
                })
                .await
            }
            FaultKind::Partition => {
                self.during(fault, false, async || {
                    way(instance, fault).hang(true);
                    sleep(fault.lasts).await;
                    way(instance, fault).hang(false);
                    Ok(())
                })
                .await
            }
            FaultKind::Duplicates | FaultKind::HangUps => Ok(()),
        }
    }

    /// Does a fault, and notes from when to when.
    async fn during<F: Future<Output = Result<()>>>(
        &self,
        fault: Planned,
        forgets: bool,
        act: impl FnOnce() -> F,
    ) -> Result<()> {
        let under_way = self.weather.begin(fault.kind, None, forgets);
        let done = act().await;
        self.weather.end(&under_way);
        done
    }

    async fn kill_app(&self, index: usize, instance: &Instance, fault: Planned) -> Result<()> {
        let _busy = instance.busy.lock().await;
        let under_way = self.weather.begin(fault.kind, Some(index), false);
        instance.app.kill9().await?;
        sleep(fault.lasts.min(AWAY)).await;
        let until = Instant::now() + RETURN;
        // An instance that starts while its stores are away may give up; whoever runs it starts it again.
        while let Err(error) = instance.app.restart().await {
            if instance.app.pid().is_some() || Instant::now() > until {
                return Err(error);
            }
            sleep(POLL * 5).await;
        }
        self.weather.end(&under_way);
        Ok(())
    }

    async fn freeze_app(&self, index: usize, instance: &Instance, fault: Planned) -> Result<()> {
        let _busy = instance.busy.lock().await;
        let under_way = self.weather.begin(fault.kind, Some(index), false);
        instance.app.pause();
        sleep(fault.lasts).await;
        instance.app.resume();
        self.weather.end(&under_way);
        Ok(())
    }

    async fn kill_redis(&self, fault: Planned) -> Result<()> {
        let _busy = self.world.redis_busy.lock().await;
        let redis = self.world.redis().await;
        self.during(fault, self.persistence != Persistence::Always, async || {
            redis.kill9().await?;
            sleep(fault.lasts.min(AWAY)).await;
            redis.restart().await
        })
        .await
    }

    async fn redis_command(&self, fault: Planned, forgets: bool, command: &[&str]) -> Result<()> {
        let _busy = self.world.redis_busy.lock().await;
        let redis = self.world.redis().await;
        self.during(fault, forgets, || async { redis.command(command).await.map(drop) }).await
    }

    /// Deletes one of the keys: a product's, or the list of products.
    async fn lose_key(&self, fault: Planned) -> Result<()> {
        let _busy = self.world.redis_busy.lock().await;
        let redis = self.world.redis().await;
        let count = u64::try_from(self.shelf.0.len())?.max(1);
        let ware = usize::try_from(fault.target % count)?;
        let ware = self.shelf.0.get(ware).context("an empty shelf")?;
        let pattern = format!("*{}*", ware.id);
        let keys = if fault.target.is_multiple_of(7) { "flashdeal:products".to_owned() } else { pattern };
        self.during(fault, true, async || {
            let Reply::List(mut keys) = redis.command(&["KEYS", &keys]).await? else { bail!("KEYS lists no keys") };
            keys.sort_by(|left, right| left.text().cmp(&right.text()));
            let count = u64::try_from(keys.len())?.max(1);
            let key = keys.get(usize::try_from((fault.target / 7) % count)?).and_then(Reply::text);
            if let Some(key) = key {
                redis.command(&["DEL", key]).await?;
            }
            Ok(())
        })
        .await
    }

    /// A replica is led by the nose: what the primary writes from now on does not reach it. Then it takes the primary's place.
    async fn promote(&self, fault: Planned) -> Result<()> {
        let _busy = self.world.redis_busy.lock().await;
        let primary = self.world.redis().await;
        let link = Proxy::start(primary.addr()).await?;
        let options =
            RedisOptions { persistence: self.persistence, replica_of: Some(link.addr()), ..RedisOptions::default() };
        let mut replica = PrivateRedis::start(options).await?;
        until_in_step(replica.addr()).await?;
        self.during(fault, true, async || {
            link.hang(true);
            sleep(fault.lasts).await;
            primary.kill9().await?;
            replica.promote().await?;
            self.world.replace_redis(replica).await;
            Ok(())
        })
        .await
    }
}

/// One of an instance's two ways to the stores.
fn way(instance: &Instance, fault: Planned) -> &Proxy {
    if (fault.target / 3).is_multiple_of(2) { &instance.postgres } else { &instance.redis }
}

async fn again_and_again(lasts: Duration, lose: impl Fn()) -> Result<()> {
    let until = Instant::now() + lasts;
    while Instant::now() < until {
        lose();
        sleep(POLL).await;
    }
    Ok(())
}

async fn until_in_step(replica: SocketAddr) -> Result<()> {
    let until = Instant::now() + IN_STEP;
    while Instant::now() < until {
        let info = resp::command(replica, &["INFO", "replication"]).await?;
        if info.text().is_some_and(|info| info.contains("master_link_status:up")) {
            return Ok(());
        }
        sleep(POLL).await;
    }
    bail!("the replica was not in step after {IN_STEP:?}")
}

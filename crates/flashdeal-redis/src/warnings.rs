//! What the settings of Redis put at risk.

use deadpool_redis::redis::cmd;

use crate::pool::Pool;

/// Sentences for an operator, one for each setting that endangers a promise. Services that do not let their settings be read
/// give none.
pub(crate) async fn warnings(pool: &Pool) -> Vec<String> {
    let mut sentences = Vec::new();
    let appends = setting(pool, "appendonly").await;
    if appends.as_deref() == Some("no") {
        sentences.push(
            "Redis has appendonly off: if it dies, all holds are lost, and buyers are told so at checkout. \
             Nothing is oversold. Set appendonly yes and appendfsync always to keep them."
                .to_owned(),
        );
    } else if appends.is_some() {
        let fsync = setting(pool, "appendfsync").await;
        if let Some(fsync) = fsync.filter(|fsync| fsync != "always") {
            sentences.push(format!(
                "Redis has appendfsync {fsync}: if it dies, holds of the last moments are lost, and their buyers are told so at \
                 checkout. Nothing is oversold. Set appendfsync always to keep them."
            ));
        }
    }
    let policy = setting(pool, "maxmemory-policy").await;
    if let Some(policy) = policy.filter(|policy| policy != "noeviction") {
        sentences.push(format!(
            "Redis has maxmemory-policy {policy}: when its memory is full it drops whole products with all their holds. \
             Set maxmemory-policy noeviction."
        ));
    }
    sentences
}

async fn setting(pool: &Pool, name: &str) -> Option<String> {
    let mut command = cmd("CONFIG");
    command.arg("GET").arg(name);
    match pool.query::<Vec<String>>(&command).await {
        Ok(pair) => pair.into_iter().nth(1),
        Err(error) => {
            tracing::debug!(%error, name, "a setting of Redis cannot be read");
            None
        }
    }
}

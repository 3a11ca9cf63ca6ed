#!/bin/sh
# Joins the nodes named as host:port into a Redis Cluster, one replica to each primary, and waits until it serves. If it is
# there already, it only waits. redis-cli takes the password from REDISCLI_AUTH.
set -eu

first=${1%:*}
ask() { redis-cli -h "$first" --user operator "$@"; }

if ! ask cluster info | grep -q '^cluster_known_nodes:[2-9]'; then
    redis-cli --user operator --cluster create "$@" --cluster-replicas 1 --cluster-yes
fi

for _ in $(seq 60); do
    if ask cluster info | grep -q '^cluster_state:ok'; then
        ask cluster nodes
        exit 0
    fi
    sleep 1
done
echo 'The cluster does not serve.' >&2
ask cluster info >&2
exit 1

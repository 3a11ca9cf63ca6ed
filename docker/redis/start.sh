#!/bin/sh
# Starts Redis in a container with the users of users.acl, whose passwords come from the environment. Arguments go to redis-server.
set -eu

hash() { printf '%s' "$1" | sha256sum | cut -d ' ' -f 1; }

sed -e "s/FLASHDEAL_PASSWORD_SHA256/$(hash "$REDIS_PASSWORD")/" \
    -e "s/REPLICA_PASSWORD_SHA256/$(hash "$REDIS_OPERATOR_PASSWORD")/" \
    -e "s/OPERATOR_PASSWORD_SHA256/$(hash "$REDIS_OPERATOR_PASSWORD")/" \
    /etc/flashdeal/users.acl > /tmp/users.acl

# The image's own entry point gives up root.
exec docker-entrypoint.sh redis-server /etc/flashdeal/redis.conf \
    --aclfile /tmp/users.acl --masteruser replica --masterauth "$REDIS_OPERATOR_PASSWORD" "$@"

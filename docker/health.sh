#!/bin/bash
# Asks the server in this container for a page and succeeds if the answer is 200: `flashdeal-health /health/ready`.
# bash opens the connection by itself (/dev/tcp), so the image needs no curl.
set -euo pipefail

path=${1:-/health/live}
port=${FLASHDEAL_BIND##*:}

exec 3<>"/dev/tcp/127.0.0.1/$port"
printf 'GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n' "$path" >&3
read -r -t 2 _ status _ <&3
echo "$path: $status"
[ "$status" = 200 ]

#!/bin/bash
# Asks the server in this container for a page, prints it, and succeeds if the answer is 200: `flashdeal-health /health/ready`.
# bash opens the connection by itself (/dev/tcp), so the image needs no curl.
set -euo pipefail

path=${1:-/health/live}
port=${FLASHDEAL_BIND##*:}

exec 3<>"/dev/tcp/127.0.0.1/$port"
# HTTP/1.0: the connection ends with the answer, which comes in one piece.
printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$path" >&3
read -r -t 2 _ status _ <&3
while read -r -t 2 header <&3 && [ "$header" != $'\r' ]; do :; done
timeout 2 cat <&3
[ "$status" = 200 ]

#!/bin/bash
# Run once by the postgres image, when its volume is empty.
set -euo pipefail
psql --no-psqlrc --username "$POSTGRES_USER" --dbname "$POSTGRES_DB" \
    -v migrator_password="$FLASHDEAL_MIGRATOR_PASSWORD" -v app_password="$FLASHDEAL_APP_PASSWORD" \
    -f /etc/flashdeal/roles.sql

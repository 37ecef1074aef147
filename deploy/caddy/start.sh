#!/bin/sh
# Starts Caddy for the names in ALLOWED_HOSTS, which are separated by commas and have no wildcards.
set -eu
SITE_ADDRESSES=$(printf %s "$ALLOWED_HOSTS" | sed 's/,/, /g')
HEALTH_HOST=${ALLOWED_HOSTS%%,*}
export SITE_ADDRESSES HEALTH_HOST
exec caddy run --adapter caddyfile --config "$(dirname "$0")/Caddyfile"

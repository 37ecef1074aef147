#!/bin/sh
# Starts PgBouncer as the user who runs this, with what the environment says:
# DATABASE_HOST, DATABASE_PORT (5432), DATABASE_PASSWORD_FILE, LISTEN (the address, all by default),
# RUN_DIR for the files that it writes.
set -eu
umask 077
run=${RUN_DIR:-/tmp/pgbouncer}
mkdir -p "$run"
password=$(cat "${DATABASE_PASSWORD_FILE:-/run/secrets/postgres_password}")

printf '[databases]\ntokengate = host=%s port=%s dbname=tokengate\n' \
    "$DATABASE_HOST" "${DATABASE_PORT:-5432}" >"$run/database.ini"
# A quote in the password is doubled, as in pg_shadow.
printf '"tokengate" "%s"\n' "$(printf %s "$password" | sed 's/"/""/g')" >"$run/users.txt"
sed -e "s|/tmp/pgbouncer/|$run/|" -e "s|^listen_addr = .*|listen_addr = ${LISTEN:-*}|" \
    -e "s|^listen_port = .*|listen_port = ${LISTEN_PORT:-6432}|" \
    "$(dirname "$0")/pgbouncer.ini" >"$run/pgbouncer.ini"
exec pgbouncer "$run/pgbouncer.ini"

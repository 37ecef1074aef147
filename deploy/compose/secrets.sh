#!/bin/sh
# Makes the files with secrets that production.yml mounts, beside itself in secrets/. What is there
# stays. Run as root: the containers' users read them by their group.
set -eu
umask 027
folder=$(dirname "$0")/secrets
mkdir -p "$folder"

make_unless_there() {
    [ -s "$folder/$1" ] || { name=$1; shift; "$@" >"$folder/$name"; }
}

make_unless_there secret_key openssl rand -base64 48
make_unless_there idp_oidc_private_key openssl genrsa 2048
make_unless_there postgres_password openssl rand -hex 24
make_unless_there metrics_token openssl rand -hex 24

# An empty file is a secret that is not set.
for name in openrouter_api_key glama_api_key requesty_api_key stripe_secret_key \
    stripe_webhook_secret email_url sentry_dsn; do
    [ -e "$folder/$name" ] || : >"$folder/$name"
done

chgrp -R 10001 "$folder"
chmod 750 "$folder"
chmod 640 "$folder"/*
echo "The secrets are in $folder. Write your providers' keys into the empty files there."

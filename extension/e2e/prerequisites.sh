#!/bin/sh
# What `make test-extension` needs of the system: installed where that is possible, named where not.
set -eu

missing=""
command -v chromium >/dev/null || command -v google-chrome >/dev/null || missing="$missing chromium"
command -v g++ >/dev/null || missing="$missing g++"
command -v pkg-config >/dev/null || missing="$missing pkg-config"
pkg-config --exists krb5-gssapi 2>/dev/null || missing="$missing libkrb5-dev"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  apt-get update >/dev/null
  # shellcheck disable=SC2086 # one word for each package
  DEBIAN_FRONTEND=noninteractive apt-get install --yes --no-install-recommends $missing >/dev/null
else
  echo "Install these first (the names are those of Debian):$missing" >&2
  exit 1
fi

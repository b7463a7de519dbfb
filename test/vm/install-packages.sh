#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs the Debian packages listed in packages.txt (or in the files named) that are missing.
# As anybody but root it only says what to install, and fails if something is missing.
set -eu
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- packages.txt
missing=
for package in $(cat "$@" | sed 's/#.*//'); do
  status=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
  [ "$status" = 'install ok installed' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
if [ "$(id -u)" -ne 0 ]; then
  echo "missing packages; install them with: sudo apt-get install --no-install-recommends$missing" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
install() { apt-get -q -o DPkg::Lock::Timeout=300 install -y --no-install-recommends $missing; }
# The package lists may be old, or never fetched: then fetch them and try once more.
install || { apt-get -q update && install; }

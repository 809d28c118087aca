#!/usr/bin/env bash
# Tries every golden case of a folder through the commands and libraries and counts them: fixtures.sh [FOLDER]
# FOLDER has one folder a family (targets, drafter, losses, ...); without it, the fixtures in FALCON_SHARED.
set -euo pipefail
folder="${1:-${FALCON_SHARED:+$FALCON_SHARED/fixtures}}"
[[ -d "$folder" ]] || { echo "fixtures: name the folder: fixtures.sh FOLDER (or set FALCON_SHARED)" >&2; exit 64; }
FALCON_FIXTURES="$(cd "$folder" && pwd)"
export FALCON_FIXTURES
cd "$(dirname "$0")/../.."
source Scripts/install.sh

export FALCON_OPTIMIZED_DEBUG=1
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
swift build --build-tests > "$log" 2>&1 || { cat "$log"; exit 1; }
status=0
swift test --skip-build --filter FixtureTests > "$log" 2>&1 || status=$?
# What disagrees, one line each, then the table.
sed -nE '/recorded an issue/ { n; s/^.*↳ //p }' "$log"
sed -n '/^family /,/^all /p' "$log"
grep -q '^all ' "$log" || { cat "$log"; exit 1; }
exit "$status"

#!/usr/bin/env bash
# Builds everything and runs every test: test.sh [swift test options, e.g. --filter FalconDraftTests]
# FALCON_SHARED names a folder with larger reference data; tests that need it say so in one line when it is not set.
set -euo pipefail
cd "$(dirname "$0")/.."
source Scripts/install.sh
# Package.swift: optimised C in debug builds.
export FALCON_OPTIMIZED_DEBUG=1

log="$(mktemp)"
trap 'rm -f "$log"' EXIT
started=$SECONDS
swift build --build-tests --traits Server
built=$SECONDS
status=0
swift test --skip-build --traits Server "$@" 2>&1 | tee "$log" || status=$?

echo
grep -E 'Test run with|✘ Test .* failed after' "$log" || true
echo "build $((built - started)) s, tests $((SECONDS - built)) s, shared data: ${FALCON_SHARED:-none}"
exit "$status"

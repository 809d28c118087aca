#!/usr/bin/env bash
# Builds everything with a sanitizer of the compiler, runs the tests and a short pipeline of the commands, and ends with
# 1 where it finds anything. Folders of its own under .build, removed afterwards: each takes gigabytes.
#   sanitize.sh [address|undefined|thread ...]      all three where none is named
# FILTER picks tests by a regular expression (default: all), KEEP=1 keeps the build.
set -euo pipefail
cd "$(dirname "$0")/.."
source Scripts/install.sh
sanitizers=("$@")
[[ ${#sanitizers[@]} -gt 0 ]] || sanitizers=(address undefined thread)
# A crash report of Swift's own would hide the sanitizer's.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS="detect_leaks=0:abort_on_error=1" UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1"
export TSAN_OPTIONS="halt_on_error=0:exitcode=66"

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0
for sanitizer in "${sanitizers[@]}"; do
    scratch="$PWD/.build/sanitize-$sanitizer"
    options=(--scratch-path "$scratch" --sanitize "$sanitizer")
    swift build --build-tests "${options[@]}" > "$work/build" 2>&1 || { tail -40 "$work/build"; exit 1; }
    status=0
    swift test --skip-build "${options[@]}" ${FILTER:+--filter "$FILTER"} > "$work/tests" 2>&1 || status=$?
    grep -E 'Test run with' "$work/tests" | tail -1 | sed "s/^[^T]*/$sanitizer: /" || true
    bash Scripts/short-pipeline.sh "$(swift build "${options[@]}" --show-bin-path)" "$work/pipeline" \
        > "$work/commands" 2>&1 || status=$?
    rm -rf "$work/pipeline"
    found="$(cat "$work/tests" "$work/commands" | grep -cE 'ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer' ||
        true)"
    echo "$sanitizer: $found findings in the tests and the pipeline"
    if [[ "$status" != 0 || "$found" != 0 ]]; then
        grep -hE -A12 'ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer|✘' "$work/tests" "$work/commands" |
            head -120 || true
        tail -5 "$work/commands"
        failed=1
    fi
    [[ -n "${KEEP:-}" ]] || rm -rf "$scratch"
done
exit "$failed"

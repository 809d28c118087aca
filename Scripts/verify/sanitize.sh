#!/usr/bin/env bash
# Builds everything with the compiler's sanitizers, runs the tests and a short pipeline of the commands, and ends with 1
# where they find anything. Builds in folders of its own under .build, removed afterwards: each takes gigabytes.
#   sanitize.sh [address|thread ...]      both where none is named; address takes undefined behaviour along
# FILTER picks tests by a regular expression (default: all), KEEP=1 keeps the build, PART=build|test|pipeline does one
# part of it (and needs KEEP=1).
set -euo pipefail
cd "$(dirname "$0")/../.."
source Scripts/install.sh
sanitizers=("$@")
[[ ${#sanitizers[@]} -gt 0 ]] || sanitizers=(address thread)
# Swift's own report of a crash would hide the sanitizer's.
export SWIFT_BACKTRACE=enable=no
export ASAN_OPTIONS="detect_leaks=0:halt_on_error=1" UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=0"
export TSAN_OPTIONS="halt_on_error=0:exitcode=66:suppressions=$PWD/Scripts/verify/sanitize-thread.txt"
part="${PART:-all}"
failed=0
for sanitizer in "${sanitizers[@]}"; do
    scratch="$PWD/.build/sanitize-$sanitizer"
    logs="$scratch/logs" source="$PWD"
    mkdir -p "$logs"
    if [[ "$sanitizer" == thread ]]; then
        # It looks at a copy whose Mutex it understands; see sanitize-mutex.swift.
        source="$scratch/source"
        mkdir -p "$source"
        git ls-files -z | tar --null -T - -cf - | tar -xf - -C "$source"
        grep -rlE '\bMutex[<(]' Sources Tests | xargs grep -l 'import Synchronization' | cut -d/ -f1,2 | sort -u |
            while read -r target; do
                cp -p Scripts/verify/sanitize-mutex.swift "$source/$target/SanitizeMutex.swift"
            done
    fi
    options=(--package-path "$source" --scratch-path "$scratch" --sanitize "$sanitizer")
    # Swift's own checks stop at undefined behaviour; C's compiler has to be asked, and reports through the address
    # sanitizer's library.
    [[ "$sanitizer" != address ]] || options+=(-Xcc -fsanitize=undefined)
    export FALCON_OPTIMIZED_DEBUG=1
    status=0 looked=()
    if [[ "$part" =~ all|build ]]; then
        swift build --build-tests "${options[@]}" > "$logs/build" 2>&1 || { tail -40 "$logs/build"; exit 1; }
    fi
    if [[ "$part" =~ all|test ]]; then
        looked+=("$logs/tests")
        swift test --skip-build "${options[@]}" ${FILTER:+--filter "$FILTER"} > "$logs/tests" 2>&1 || status=$?
        grep -E 'Test run with' "$logs/tests" | tail -1 | sed "s/^[^T]*/$sanitizer: /" || true
    fi
    if [[ "$part" =~ all|pipeline ]]; then
        looked+=("$logs/pipeline")
        work="$(mktemp -d)"
        bash Scripts/verify/short-pipeline.sh "$(swift build "${options[@]}" --show-bin-path)" "$work" \
            > "$logs/pipeline" 2>&1 || status=$?
        rm -rf "$work"
    fi
    if [[ ${#looked[@]} -gt 0 ]]; then
        finding='ERROR: AddressSanitizer|runtime error:|WARNING: ThreadSanitizer'
        found="$(cat "${looked[@]}" | grep -cE "$finding" || true)"
        echo "$sanitizer: $found findings in ${part/all/the tests and the pipeline}"
        if [[ "$status" != 0 || "$found" != 0 ]]; then
            grep -hE -A12 "$finding|✘" "${looked[@]}" | head -150 || true
            failed=1
        fi
    fi
    [[ -n "${KEEP:-}" ]] || rm -rf "$scratch"
done
exit "$failed"

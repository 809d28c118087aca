#!/usr/bin/env bash
# Builds the package in Examples/ as somebody else's: from a clone of this repository with a version, without flags that
# would bar that. Compares what it streams with falcon-infer, and looks whether linking Falcon left the process alone.
#   examples.sh     takes the falcon-infer of the debug build, which it builds where there is none
set -euo pipefail
cd "$(dirname "$0")/.."
source Scripts/install.sh
fail() { echo "examples: $1" >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# What is committed, under a version: unsafe flags are refused only there. The version names the commit, since the
# package manager remembers what a version was.
git clone -q --bare . "$work/falcon.git"
FALCON_VERSION="0.0.1-c$(git rev-parse HEAD)"
git -C "$work/falcon.git" tag "$FALCON_VERSION" HEAD
export FALCON_VERSION FALCON_REPOSITORY="file://$work/falcon.git"
# The folder of the build is kept, so that a second run compiles only what has changed.
cp -r Examples "$work/Examples"
rm -rf "$work/Examples/.build"
package=(--package-path "$work/Examples" --scratch-path "$PWD/.build-examples")
env -u FALCON_OPTIMIZED_DEBUG swift build "${package[@]}" > "$work/log" 2>&1 ||
    { tail -40 "$work/log"; fail "no build"; }
answer="$(env -u FALCON_OPTIMIZED_DEBUG swift build "${package[@]}" --show-bin-path)/Answer"

export FALCON_OPTIMIZED_DEBUG=1
infer="$(swift build --show-bin-path)/falcon-infer"
[[ -x "$infer" ]] || swift build --product falcon-infer > "$work/log" 2>&1 || { tail -40 "$work/log"; fail "no build"; }
for question in "What is 12 plus 7?" "Write a line about the sea." "Grüße!"; do
    "$answer" Checkpoints/target "$question" > "$work/example"
    "$infer" --target Checkpoints/target --prompt "$question" --max-new-tokens 64 --quiet > "$work/command"
    # The command's figures follow its text.
    head -c "$(stat -c %s "$work/example")" "$work/command" | cmp -s - "$work/example" ||
        { diff "$work/command" "$work/example" | head; fail "'$question': the example answers otherwise"; }
done

# A limit on memory is when a command starts itself again; ILL, TRAP, ABRT, BUS and SEGV are what it watches. So does
# Swift's own runtime for its backtraces, which are switched off here.
if [[ -r /proc/self/status ]]; then
    (
        ulimit -v 64000000
        exec env -u OPENBLAS_NUM_THREADS SWIFT_BACKTRACE=enable=no \
            "$answer" Checkpoints/target "One." "Two." "Three." "Four." > /dev/null
    ) &
    process=$!
    # Looked at again and again until it ends, however fast it is.
    caught="" again=0
    while status="$(cat "/proc/$process/status" 2> /dev/null)" && ! grep -q '^State:[[:space:]]*Z' <<< "$status"; do
        if grep -q '^Name:[[:space:]]*Answer' <<< "$status"; then
            caught="$(sed -n 's/^SigCgt:[[:space:]]*//p' <<< "$status")"
            seen="$(cat "/proc/$process/environ" 2> /dev/null | tr '\0' '\n' | grep -c '^OPENBLAS_NUM_THR' || true)"
            again=$((again + ${seen:-0}))
        fi
        sleep 0.01
    done
    wait "$process" || fail "does not run under a limit on memory"
    [[ -n "$caught" ]] || fail "the example ended before it could be looked at"
    (((16#$caught & 16#478) == 0)) || fail "linking Falcon installed handlers of signals: $caught"
    [[ "$again" == 0 ]] || fail "linking Falcon started the process again"
fi
echo "examples: the example package prints what falcon-infer prints; no handlers, not started again"

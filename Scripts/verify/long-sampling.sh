#!/usr/bin/env bash
# The sampling tests with many more draws than the suite has time for: that drawn texts have the target's distribution
# to within the noise of so many draws, over static, random and dynamic trees and whole decodings at several
# temperatures, top-k and top-p, and that planted defects are seen. Prints the figures of each and the sum.
#
#   Scripts/verify/long-sampling.sh [DRAWS=40000 [FILTER]]  so many for each tree and model, over a million together;
#                                                       of the tests whose names match the expression
set -euo pipefail
cd "$(dirname "$0")/../.."
log="$(mktemp)"
trap 'rm -f "$log"' EXIT
export FALCON_OPTIMIZED_DEBUG=1
swift build --build-tests > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
FALCON_LONG_SAMPLES="${1:-40000}" swift test --skip-build \
    --filter "${2:-FalconDecodingTests.Sampl(ing|edDecoding)Tests}" > "$log" 2>&1 || { cat "$log" >&2; exit 1; }
grep '^sampling: ' "$log" | sed 's/^sampling: //'
sed -nE '/^sampling: planted/d; s/^sampling: .* ([0-9]+) texts, .*/\1/p' "$log" \
    | awk '{ texts += $1 } END { printf "%d texts in %d runs\n", texts, NR }'
grep -E 'Test run with' "$log"

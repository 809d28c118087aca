#!/usr/bin/env bash
# The sampling tests with many more draws than the suite has time for: that drawn texts have the target's distribution
# to within the noise of so many draws, over static, random and dynamic trees, and that planted defects are seen.
#
#   Scripts/long-sampling.sh [DRAWS=1000000 [FILTER]]     so many for each tree and made-up model; of the tests whose
#                                                         names match the expression
set -euo pipefail
cd "$(dirname "$0")/.."
FALCON_LONG_SAMPLES="${1:-1000000}" swift test -c release -Xswiftc -enable-testing --scratch-path .build/long \
    --filter "${2:-FalconDecodingTests.SamplingTests}"

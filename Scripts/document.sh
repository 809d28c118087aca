#!/usr/bin/env bash
# Builds the documentation of the library Falcon, warnings being errors: document.sh [FOLDER]
# FOLDER gets Falcon.doccarchive (default: .build-documentation/Falcon.doccarchive).
set -euo pipefail
cd "$(dirname "$0")/.."
source Scripts/install.sh
output="${1:-.build-documentation}"
mkdir -p "$output"
export FALCON_DOCUMENTATION=1
swift package --scratch-path .build-documentation --allow-writing-to-directory "$output" \
    generate-documentation --target Falcon --warnings-as-errors --output-path "$output/Falcon.doccarchive"
echo "document: $output/Falcon.doccarchive"

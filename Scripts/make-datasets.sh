#!/usr/bin/env bash
# Writes Datasets/quickstart-*.json and .jsonl with the program in Datasets/Generator: make-datasets.sh [SEED]
# The same seed gives the same bytes.
set -euo pipefail
cd "$(dirname "$0")/.."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
swiftc -O -swift-version 6 -warnings-as-errors Datasets/Generator/*.swift -o "$work/make-datasets"
"$work/make-datasets" "${1:-2025}" Datasets

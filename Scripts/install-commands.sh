#!/usr/bin/env bash
# Builds the commands and puts them in place, with man pages, completions for bash, zsh and fish and a unit of systemd:
#   install.sh --prefix DIR [--from FOLDER]
# DIR, e.g. /usr/local or ~/.local, gets bin, share and lib/systemd. --from takes commands that are built already.
set -euo pipefail
commands=(falcon-gen-data falcon-train falcon-export falcon-infer falcon-inspect falcon-bench falcon-serve)
usage() {
    echo "install: $1; usage: Scripts/install.sh [--prefix DIR [--from FOLDER]]" >&2
    exit 64
}

prefix="" from=""
while (($# > 0)); do
    case "$1" in
        --prefix) prefix="${2:-}" ;;
        --from) from="${2:-}" ;;
        *) usage "unknown: $1" ;;
    esac
    [[ -n "${2:-}" ]] || usage "$1 needs a folder"
    shift 2
done
[[ -n "$prefix" ]] || usage "--from is for --prefix"
mkdir -p "$prefix"
prefix="$(cd "$prefix" && pwd)"
[[ -w "$prefix" ]] || { echo "install: $prefix: cannot be written to" >&2; exit 1; }
if [[ -n "$from" ]]; then
    [[ -d "$from" ]] || { echo "install: --from $from: is no folder" >&2; exit 1; }
    from="$(cd "$from" && pwd)"
fi
cd "$(dirname "$0")/.."

if [[ -z "$from" ]]; then
    # For --version.
    FALCON_COMMIT="$(git rev-parse --short=12 HEAD 2> /dev/null || true)"
    [[ -z "$FALCON_COMMIT" ]] || export FALCON_COMMIT
    # Without Swift's own libraries beside them the commands run on machines that have no Swift.
    options=(-c release --traits Server)
    [[ "$(uname -s)" == Darwin ]] || options+=(--static-swift-stdlib)
    for command in "${commands[@]}"; do
        env -u FALCON_OPTIMIZED_DEBUG swift build "${options[@]}" --product "$command"
    done
    from="$(env -u FALCON_OPTIMIZED_DEBUG swift build "${options[@]}" --show-bin-path)"
fi
for command in "${commands[@]}"; do
    [[ -x "$from/$command" ]] || { echo "install: $from/$command: is not there; build it first" >&2; exit 1; }
done

# All or nothing for each file: a command that runs is replaced, not written over.
place() { # place MODE FILE DESTINATION
    mkdir -p "$(dirname "$3")"
    install -m "$1" "$2" "$3.partial"
    mv -f "$3.partial" "$3"
}
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for command in "${commands[@]}"; do
    place 755 "$from/$command" "$prefix/bin/$command"
    for shell in bash zsh fish; do
        "$from/$command" --generate-completion-script "$shell" > "$work/$command.$shell"
    done
    "$from/$command" --generate-manual > "$work/$command.1"
    place 644 "$work/$command.1" "$prefix/share/man/man1/$command.1"
    if [[ "$command" == falcon-bench ]]; then
        "$from/$command" compare --generate-manual > "$work/$command-compare.1"
        place 644 "$work/$command-compare.1" "$prefix/share/man/man1/$command-compare.1"
    fi
    place 644 "$work/$command.bash" "$prefix/share/bash-completion/completions/$command"
    place 644 "$work/$command.zsh" "$prefix/share/zsh/site-functions/_$command"
    place 644 "$work/$command.fish" "$prefix/share/fish/vendor_completions.d/$command.fish"
done
if [[ "$(uname -s)" == Linux ]]; then
    sed "s|@PREFIX@|$prefix|" Packaging/falcon-serve.service > "$work/unit"
    place 644 "$work/unit" "$prefix/lib/systemd/system/falcon-serve.service"
fi
echo "install: ${#commands[@]} commands in $prefix/bin, man pages and completions in $prefix/share"

#!/usr/bin/env bash
# Installs the three system libraries that Falcon links, where they are missing. Sourced or run by the other scripts;
# does nothing, without the network, when all is there.
#   install.sh --prefix DIR [--from FOLDER]   builds the commands, too, and puts them and completions into DIR
set -euo pipefail

install_failed() {
    echo "install: $1" >&2
    exit 1
}

command -v swift > /dev/null || install_failed "swift is not on the PATH; Swift 6.2 or newer: https://swift.org/install"

falcon_missing() {
    local missing=()
    command -v pkg-config > /dev/null || { echo "pkg-config openblas hdf5 libzstd"; return; }
    for library in openblas hdf5 libzstd; do
        pkg-config --exists "$library" || missing+=("$library")
    done
    echo "${missing[*]:-}"
}

packages="libopenblas-dev libhdf5-dev libzstd-dev pkg-config"
missing="$(falcon_missing)"
if [[ -n "$missing" ]]; then
    if [[ "$(uname -s)" == Darwin ]]; then
        command -v brew > /dev/null || install_failed "missing: $missing; install Homebrew (https://brew.sh) and retry"
        # Homebrew keeps openblas out of the default search path.
        brew install pkgconf openblas hdf5 zstd
        PKG_CONFIG_PATH="$(brew --prefix openblas)/lib/pkgconfig:${PKG_CONFIG_PATH:-}"
        export PKG_CONFIG_PATH
    else
        command -v apt-get > /dev/null \
            || install_failed "missing: $missing; install OpenBLAS, HDF5, zstd (with headers), pkg-config and retry"
        as_root=()
        if [[ "$(id -u)" != 0 ]]; then
            command -v sudo > /dev/null || install_failed "missing: $missing; as root: apt-get install $packages"
            as_root=(sudo)
            # Nobody can type a password in continuous integration.
            [[ -t 0 && -z "${CI:-}" ]] || as_root=(sudo -n)
        fi
        echo "install: missing $missing; installing with apt-get" >&2
        "${as_root[@]}" apt-get update -qq > /dev/null || install_failed "apt-get update failed; is there a network?"
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
            $packages > /dev/null || install_failed "apt-get could not install $packages"
    fi
    missing="$(falcon_missing)"
    [[ -z "$missing" ]] || install_failed "still missing after the installation: $missing"
fi

# Run by itself, not by another script that has arguments of its own.
if [[ "${BASH_SOURCE[0]}" == "$0" ]] && (($# > 0)); then
    exec bash "$(dirname "$0")/install-commands.sh" "$@"
fi

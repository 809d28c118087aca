#!/usr/bin/env bash
# Installs Open MPI where there is no MPI yet: only for builds with the trait MPI (docs/cluster.md). Ends with 1, and a
# line that says why, where it cannot.
set -euo pipefail

has_mpi() { command -v mpirun > /dev/null && pkg-config --exists "${FALCON_MPI:-mpi-c}"; }
install_failed() {
    echo "install-mpi: $1" >&2
    exit 1
}

has_mpi && exit 0
if [[ "$(uname -s)" == Darwin ]]; then
    command -v brew > /dev/null || install_failed "no MPI; install Homebrew (https://brew.sh) and retry"
    brew install open-mpi
    pkg-config --exists "${FALCON_MPI:-ompi-c}" || install_failed "pkg-config does not find Open MPI"
    exit 0
fi
command -v apt-get > /dev/null || install_failed "no MPI; install Open MPI with headers and pkg-config files and retry"
as_root=()
if [[ "$(id -u)" != 0 ]]; then
    command -v sudo > /dev/null || install_failed "no MPI; as root: apt-get install openmpi-bin libopenmpi-dev"
    as_root=(sudo)
    # Nobody can type a password in continuous integration.
    [[ -t 0 && -z "${CI:-}" ]] || as_root=(sudo -n)
fi
"${as_root[@]}" apt-get update -qq > /dev/null || install_failed "apt-get update failed; is there a network?"
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    openmpi-bin libopenmpi-dev > /dev/null || install_failed "apt-get could not install openmpi-bin libopenmpi-dev"
has_mpi || install_failed "still no MPI after the installation"

#!/usr/bin/env bash
# Builds the C kernels for 64-bit Arm and runs them under emulation: one line a kernel, with its error against double
# precision, and whether its bits are those of this machine's baseline where the same bits are promised.
#
#   Scripts/verify/check-neon.sh             checks; says what is missing if it cannot
#   Scripts/verify/check-neon.sh --install   installs the cross compiler and the emulator first (Debian, Ubuntu)
set -euo pipefail
cd "$(dirname "$0")/../.."

packages=(gcc-aarch64-linux-gnu qemu-user)
case "${1:-}" in
    --install)
        root=()
        [[ "$(id -u)" == 0 ]] || root=(sudo)
        "${root[@]}" apt-get install -y "${packages[@]}"
        ;;
    "") ;;
    *) echo "usage: Scripts/verify/check-neon.sh [--install]" >&2; exit 64 ;;
esac
for tool in clang aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v "$tool" > /dev/null || {
        echo "check-neon: $tool is missing; run Scripts/verify/check-neon.sh --install" \
            "(clang comes with Swift: put its usr/bin on the PATH)" >&2
        exit 1
    }
done

sysroot=/usr/aarch64-linux-gnu
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
mkdir "$work/arm" "$work/here"
flags=(-O2 -Wall -Werror) # as in a release build
for source in Sources/CFalconKernels/*.c Scripts/verify/neon/*.c; do
    object="$(basename "$(dirname "$source")")-$(basename "$source" .c).o"
    clang "${flags[@]}" -c "$source" -o "$work/here/$object"
    clang --target=aarch64-linux-gnu -isystem "$sysroot/include" "${flags[@]}" -c "$source" -o "$work/arm/$object"
done
clang "$work"/here/*.o -lm -o "$work/check-here"
aarch64-linux-gnu-gcc "$work"/arm/*.o -lm -o "$work/check-arm"

failed=0
"$work/check-here" > "$work/here.txt" || failed=1
qemu-aarch64 -L "$sysroot" "$work/check-arm" > "$work/arm.txt" || failed=1
# Each line: kernel, worst error, limit, bits or "-".
paste "$work/arm.txt" "$work/here.txt" | awk -F '\t' '
    $1 != $5 { print "check-neon: the two programs disagree about what to check"; exit 2 }
    {
        verdict = $2 + 0 <= $3 + 0 && $2 != "inf" ? "ok" : "WRONG"
        if ($6 + 0 > $7 + 0 || $6 == "inf") verdict = "WRONG HERE"
        bits = $4 == "-" ? "" : $4 == $8 ? ", the bits of " machine : ", OTHER BITS than " machine
        if ($4 != $8) verdict = "WRONG"
        printf "%-10s %-34s error %s (at most %s)%s\n", verdict, $1, $2, $3, bits
        if (verdict != "ok") bad = 1
    }
    END { exit bad }' machine="$(uname -m)" || failed=1
exit "$failed"

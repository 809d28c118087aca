# Reads figures out of our commands' JSON reports, for scripts that source this: no tool beyond sed is needed.

# figure JSON KEY [FORMAT]: one number at the top level of a report as our commands indent it; fails without one.
figure() {
    local value
    value="$(sed -nE "s/^  \"$2\" *: *([-+.0-9eE]+),?\$/\1/p" <<< "$1")"
    [[ -n "$value" ]] || return 1
    # shellcheck disable=SC2059
    printf "${3:-%s}" "$value"
}

# part JSON KEY: an object at the top level of a report, indented as a report of its own.
part() { sed -n "/^  \"$2\" *: {/,/^  }/p" <<< "$1" | sed 's/^  //'; }

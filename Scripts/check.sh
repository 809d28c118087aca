#!/usr/bin/env bash
# The checks that need no build: formatting, layers, file lengths, forbidden text, the datasets.
# Lists everything that is wrong, then ends with 1 if anything is.
set -euo pipefail
cd "$(dirname "$0")/.."
command -v swift > /dev/null || { echo "check: swift is not on the PATH" >&2; exit 1; }

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0
report() { # report TITLE FILE: the file lists what is wrong, one line each
    if [[ -s "$2" ]]; then
        echo "check: $1"
        sed 's/^/    /' "$2"
        failed=1
    fi
}
swift_files() { git ls-files '*.swift'; }

# Formatting: .swift-format, 120 columns. `swift format -i --recursive Sources Tests Datasets Package.swift` fixes most.
swift_files | xargs swift format lint --strict 2> "$work/format" || true
report "formatting (swift format lint)" "$work/format"
git ls-files '*.swift' '*.c' '*.h' '*.sh' | xargs awk 'length > 120 { print FILENAME ":" FNR ": " length " columns" }' \
    > "$work/columns"
report "lines of more than 120 columns" "$work/columns"

# Layers: imports against the package's own declarations.
swiftc -swift-version 6 Scripts/CheckLayers.swift -o "$work/check-layers"
swift package dump-package > "$work/package.json"
"$work/check-layers" "$work/package.json" > "$work/layers" || true
report "layers (docs/architecture.md)" "$work/layers"
# With such flags no other package could depend on this one.
! env -u FALCON_OPTIMIZED_DEBUG swift package dump-package | grep -n unsafeFlags > "$work/flags" || true
report "unsafeFlags without FALCON_OPTIMIZED_DEBUG" "$work/flags"

# One idea, one file.
git ls-files '*.swift' '*.c' '*.h' '*.sh' '*.py' | xargs wc -l | grep -v ' total$' > "$work/lengths"
awk '$1 > 450 { print $2 ": " $1 " lines; split it by idea" }' "$work/lengths" > "$work/long"
report "files of more than 450 lines" "$work/long"
awk '$1 > 350 && $1 <= 450 { print "check: note: " $2 " has " $1 " lines" }' "$work/lengths"

# What a file offers to others says what it is.
git ls-files 'Sources/*.swift' | xargs awk '
    FNR == 1 { documented = 0 }
    /^\/\/\// { documented = 1; next }
    /^@/ && !/ (package|public) / { next }
    /^(@[A-Za-z()]+ )*(package|public) .*(func|struct|enum|class|protocol|actor|typealias) / && !documented {
        print FILENAME ":" FNR ": " $0
    }
    { documented = 0 }' > "$work/undocumented"
report "package and public symbols without a comment of ///" "$work/undocumented"

# Documents: links that lead somewhere, files of Sources that are there under the name that is given.
git ls-files '*.md' ':!Datasets' | while read -r page; do
    folder="$(dirname "$page")"
    { grep -oE '\]\([^)#: ]+[)#]' "$page" || true; } | cut -c3- | tr -d ')#' | while read -r link; do
        [[ -e "$folder/$link" ]] || echo "$page: links to $link"
    done
    { grep -oE '`C?Falcon[A-Za-z]+/[A-Za-z0-9_/+]+\.(swift|c|h)`' "$page" || true; } | tr -d '`' |
        while read -r file; do
            [[ -e "Sources/$file" ]] || echo "$page: names Sources/$file"
        done
done > "$work/links"
report "documents that name what is not there" "$work/links"

# Words: one vocabulary, plain English (docs/notation.md).
git grep -nwiE 'rehears(e|al)|contender|anew|mend(s|ed)?|by turns|guilty|fallout|laidOutHead|TargetEnds' \
    -- ':!Datasets' ':!Scripts/check.sh' > "$work/words" || true
report "words that docs/notation.md has others for" "$work/words"

# What must not be committed: paths of a machine, and shortcuts that hide errors.
git grep -nE '/(root|home/[a-z]+|Users/[a-z]+)/' -- > "$work/paths" || true
report "paths of a machine" "$work/paths"
git grep -nE '\btry!|\bas!|\bfatalError\(|\b(TODO|FIXME|XXX)\b' -- '*.swift' '*.c' '*.h' > "$work/shortcuts" || true
report "try!, as!, fatalError, TODO" "$work/shortcuts"

# The committed chats are what the committed generator writes.
mkdir "$work/datasets"
swiftc -O -swift-version 6 -warnings-as-errors Datasets/Generator/*.swift -o "$work/make-datasets"
"$work/make-datasets" 2025 "$work/datasets" > /dev/null
for file in quickstart-train.json quickstart-heldout.json quickstart-questions.jsonl; do
    cmp -s "$work/datasets/$file" "Datasets/$file" || echo "Datasets/$file: run Scripts/make-datasets.sh"
done > "$work/stale"
report "datasets differ from their generator" "$work/stale"

[[ "$failed" == 0 ]] && echo "check: all is well"
exit "$failed"

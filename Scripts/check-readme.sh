#!/usr/bin/env bash
# Runs the commands of README.md and checks its figures; says which it left out, and why.
#   Scripts/check-readme.sh            minutes: links, options, figures, what the embedded target can run, and the run
#                                      of SmolLM2 where its file lies in Checkpoints/smollm2
#   Scripts/check-readme.sh --all      the quickstarts, tests and installation too: an hour, and the network
#   Scripts/check-readme.sh --write    puts what the run prints on this machine into README.md
# FALCON_BIN names the folder of built commands; .build/release where it does not.
set -euo pipefail
cd "$(dirname "$0")/.."
all=no write=no
case "${1:-}" in
    "") ;;
    --all) all=yes ;;
    --write) write=yes ;;
    *) echo "check-readme: $1: give nothing, --all or --write" >&2 && exit 64 ;;
esac
bin="$(cd "${FALCON_BIN:-.build/release}" 2> /dev/null && pwd)" || {
    echo "check-readme: no built commands: swift build -c release, or set FALCON_BIN" >&2
    exit 1
}
export PATH="$bin:$PATH"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
failed=0
ok() { echo "ok         $1"; }
skip() { echo "left out   $1"; }
fail() {
    echo "WRONG      $1"
    failed=1
}
# try WORDS COMMAND...: runs it without its output.
try() {
    local words="$1"
    shift
    if "$@" > "$work/out" 2>&1 < /dev/null; then ok "$words"; else fail "$words: $(tail -1 "$work/out")"; fi
}
# The figures of a report that the run in README.md shows.
shown='^(generated|target passes|tree|accept length|accepted by depth|tokens per second|  plain|speed-up|mismatched)'
speeds='^(tokens per second|  plain|speed-up)'

# Length, links, pictures.
if (($(wc -l < README.md) <= 140)); then ok "at most 140 lines"; else fail "more than 140 lines"; fi
grep -oE '\]\([^)#]+' README.md | sed 's/^](//' | grep -v '^https:' | sort -u > "$work/links"
missing="$(while read -r path; do [[ -e "$path" ]] || echo "$path"; done < "$work/links")"
if [[ -z "$missing" ]]; then ok "$(wc -l < "$work/links") links"; else fail "links to nothing: $missing"; fi

# The commands, a line each: what stands in fences, continued lines joined, without comments.
awk '/^```/ { inside = !inside && $0 == "```"; next } inside' README.md |
    sed -e ':again' -e '/\\$/ { N; s/ *\\\n */ /; b again' -e '}' -e 's/ *#.*//' |
    grep -E '^(bash |swift |falcon-)' > "$work/commands"
for name in $(grep -oE '^falcon-[a-z-]+' "$work/commands" | sort -u); do
    if ! command -v "$name" > /dev/null; then
        skip "options of $name: it is not built"
        continue
    fi
    "$name" --help > "$work/help"
    unknown="$(grep "^$name " "$work/commands" | grep -oE -- ' --[a-z-]+' | sort -u |
        while read -r option; do grep -q -- "$option\b" "$work/help" || echo "$option"; done)"
    if [[ -z "$unknown" ]]; then ok "options of $name"; else fail "$name has no $unknown"; fi
done

# Figures: each row of the table stands in docs/results.md, the picture is that of its figures.
section="" rows=0
while IFS='|' read -r _ model set accept plain with speedup peer _; do
    model="$(xargs <<< "${model//\'/}")" set="$(xargs <<< "$set")"
    [[ -n "$model" ]] && section="$model"
    case "$section" in
        *blocks) begin="With the file.s own 4-bit" end="Drawn at" ;;
        *bfloat16) begin="All 80 questions" end="Mean speed-up" ;;
        *) continue ;;
    esac
    rows=$((rows + 1))
    sed -n "/^$begin/,/^$end/p" docs/results.md |
        awk -F'|' -v set="$set" -v a="$accept" -v p="$plain" -v w="$with" -v s="$speedup" '
            function number(text) { gsub(/ /, "", text); return text }
            number($2) == number(set) && number($5) == number(a) && number($7) == number(p) &&
                number($8) == number(w) && number($9) == number(s) { found = 1 }
            END { exit !found }' || fail "$section, $set: other figures than in docs/results.md"
    peer="$(xargs <<< "$peer")"
    [[ -z "$peer" ]] || grep -qE "^\| $set \| $peer \|" docs/results.md ||
        fail "$set: llama.cpp's $peer is not in docs/results.md"
done < <(grep -E '^\| *(SmolLM2|\|)?.*\| (MT-bench|HumanEval|GSM8K) \|' README.md)
if ((rows == 6)); then ok "$rows rows of figures stand in docs/results.md"; else fail "$rows rows of figures, not 6"; fi
falcon-inspect chart docs/speeds.toml --output "$work/speeds.svg"
if cmp -s "$work/speeds.svg" docs/speeds.svg; then ok "docs/speeds.svg"; else fail "docs/speeds.svg: draw it again"; fi

# What the embedded target runs in seconds: the five commands of "With your own model", on little data.
target=Checkpoints/target
try "falcon-infer --draft lookup" falcon-infer --target "$target" --draft lookup --prompt "Name three fruits." \
    --max-new-tokens 16
try "falcon-gen-data --self-prompts" falcon-gen-data --target "$target" --self-prompts 8 --teacher-statistics 16 \
    --max-new-tokens 32 --output "$work/features"
try "falcon-train" falcon-train --recipe Recipes/smollm2-135m.toml --output "$work/head" --set "target.path=$target" \
    --set "data.shards=$work/features" --set training.max_steps=2 --set draft.correction_rank=4
try "falcon-export" falcon-export --checkpoint "$work/head" --output "$work/draft" --dtype bfloat16
try "falcon-infer --report" falcon-infer --target "$target" --draft "$work/draft" --dataset mt-bench --limit 1 \
    --max-new-tokens 8 --tree auto --lookup --baseline --plan-seconds 0.2 --report "$work/report.html"
try "falcon-infer --chat" falcon-infer --target "$target" --draft "$work/draft" --tree auto --lookup --chat

# The run that README.md prints.
model=Checkpoints/smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
if [[ -f "$model" ]]; then
    eval "$(grep '^falcon-infer .*--tree chain:4' "$work/commands")" 2>&1 | grep -E "$shown" > "$work/run" || true
    if [[ "$write" == yes ]]; then
        awk -v run="$work/run" '
            /<!-- end of the run -->/ { inside = 0 }
            !inside
            /<!-- run: / { inside = 1; print "```"; while ((getline line < run) > 0) print line; print "```" }' \
            README.md > "$work/readme"
        cat "$work/readme" > README.md
    fi
    sed -n '/<!-- run: /,/<!-- end of the run/p' README.md | grep -E "$shown" > "$work/printed"
    if diff <(grep -vE "$speeds" "$work/run") <(grep -vE "$speeds" "$work/printed") > "$work/out"; then
        ok "the run prints what README.md shows; here: $(grep '^speed-up' "$work/run" | tr -s ' ')"
    else
        fail "the run prints otherwise: $(tr '\n' ' ' < "$work/out")"
    fi
else
    skip "the run of SmolLM2: $model is not there (Scripts/fetch-smollm2.sh fetches it)"
fi

# What takes long.
if [[ "$all" == yes ]]; then
    try "Scripts/quickstart.sh" bash Scripts/quickstart.sh
    try "Scripts/quickstart.sh --model smollm2" bash Scripts/quickstart.sh --model smollm2
    try "Scripts/install.sh --prefix" bash Scripts/install.sh --prefix "$work/prefix"
    try "Examples (the Swift of README.md)" bash Scripts/examples.sh
    try "Scripts/test.sh" bash Scripts/test.sh
else
    skip "quickstart.sh (5 minutes), quickstart.sh --model smollm2, install.sh, examples.sh, test.sh: give --all"
fi
skip "speeds: they are this machine's; docs/results.md has the commands"
exit "$failed"

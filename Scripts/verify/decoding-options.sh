# What scripts that decode with several heads and trees have in common, for them to source: options, messages, the
# program. `own_option NAME VALUE` takes options of the script's own and fails for others.

target=
drafts=() trees=() questions=() options=()

stop() {
    echo "$(basename "$0" .sh): $1" >&2
    exit "${2:-1}"
}

# read_options "$@": prints the script's head for --help; sets target, drafts, trees, questions (all three by default)
# and options, what falcon-infer is given as it is.
read_options() {
    while [[ $# -gt 0 ]]; do
        [[ "$1" == --help ]] && { sed -n '2,/^set/p' "$0" | sed '$d;s/^# \{0,1\}//'; exit 0; }
        [[ $# -ge 2 ]] || stop "$1 needs a value" 64
        case "$1" in
            --target) target="$2" ;;
            --draft) drafts+=("$2") ;;
            --tree) trees+=("$2") ;;
            --questions) questions+=("$2") ;;
            --limit | --max-new-tokens) options+=("$1" "$2") ;;
            *) own_option "$1" "$2" || stop "unknown option $1; see --help" 64 ;;
        esac
        shift 2
    done
    [[ -n "$target" && ${#drafts[@]} -gt 0 ]] || stop "give --target and at least one --draft; see --help" 64
    [[ ${#questions[@]} -gt 0 ]] || questions=(mt-bench humaneval gsm8k)
    infer="$(command -v falcon-infer || true)"
    [[ -n "$infer" ]] || infer="$(dirname "$0")/../../.build/release/falcon-infer"
    [[ -x "$infer" ]] || stop "no falcon-infer; build it first: swift build -c release"
}

# Sourced by quickstart.sh --model smollm2: MT-bench's questions by SmolLM2-135M-Instruct, plainly and with the head
# that lies in Checkpoints/smollm2-135m-instruct. $model is the GGUF file, or "fetch".
head=Checkpoints/smollm2-135m-instruct
out=Checkpoints/quickstart-smollm2
max_new_tokens=96
stage() { printf '\n== %s\n' "$1" >&2; }

stage "1/4 system libraries"
source Scripts/install.sh

stage "2/4 build (the first time takes some minutes)"
swift build -c release --product falcon-infer
bin="$(swift build -c release --show-bin-path)"

stage "3/4 the model"
if [[ "$model" == fetch ]]; then model="$(bash Scripts/fetch-smollm2.sh)"; fi
echo "$model" >&2

stage "4/4 decoding MT-bench's 80 dialogues, with the draft head and without"
mkdir -p "$out"
"$bin/falcon-infer" --target "$model" --draft "$head" --dataset mt-bench --tree auto --lookup \
    --precision bfloat16 --max-new-tokens "$max_new_tokens" --baseline --answers "$out/answers.jsonl" \
    --json "$out/report.json"

source Scripts/figures.sh
all="$(cat "$out/report.json")"
cat << TEXT

Every token is the one that the model alone would have given ($(figure "$all" mismatched_tokens) differ), at \
$(figure "$all" tokens_per_second %.0f) instead of $(figure "$all" baseline_tokens_per_second %.0f) tokens per second: \
$(figure "$all" speedup %.2f) times as fast.
The answers are in $out/answers.jsonl, all figures in $out/report.json. Time: $((SECONDS - begun)) s.
Converse with it:
  $bin/falcon-infer --target $model --draft $head --tree auto --lookup --precision bfloat16 --chat
TEXT
[[ "$(figure "$all" mismatched_tokens)" == 0 ]] || {
    echo "quickstart: drafting changed tokens; that is a defect, please report it" >&2
    exit 1
}
exit 0

# For Scripts/cluster-*.sh: where the commands lie, and a head to train that is large for what a step computes.

# Prints the folder with falcon-train, falcon-gen-data and falcon-bench built with the trait MPI: BUILD, or a release
# build, made where it is missing.
cluster_build() {
    if [[ -z "${BUILD:-}" ]]; then
        local product
        for product in falcon-train falcon-gen-data falcon-bench; do
            swift build -c release --scratch-path .build-mpi --traits MPI --product "$product" >&2
        done
        BUILD="$(swift build -c release --scratch-path .build-mpi --show-bin-path)"
    fi
    realpath "$BUILD"
}

# A target of random weights and a vocabulary of 1,024, features of answers that fill every sequence, and a recipe.
make_example() { # make_example BUILD FOLDER HIDDEN TOKENS
    local build="$1" folder="$2" hidden="$3" tokens="$4"
    cat > "$folder/config.json" << JSON
{"architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 1024, "hidden_size": $hidden,
 "num_hidden_layers": 1, "num_attention_heads": 16, "num_key_value_heads": 16,
 "intermediate_size": $((hidden * 11 / 4)), "hidden_act": "silu", "rms_norm_eps": 1e-05,
 "max_position_embeddings": 2048, "rope_theta": 10000.0, "tie_word_embeddings": false, "attention_bias": false,
 "eos_token_id": 1023, "pad_token_id": 1021}
JSON
    "$build/falcon-bench" random-target --config "$folder/config.json" --output "$folder/target" --quiet
    cp Checkpoints/target/tokenizer* "$folder/target/"
    awk -v tokens="$tokens" 'BEGIN {
        srand(1); printf "["
        for (i = 0; i < 64; i++) {
            printf "%s{\"id\":\"%d\",\"conversations\":[{\"from\":\"human\",\"value\":\"Go\"},", i ? "," : "", i
            printf "{\"from\":\"gpt\",\"value\":\""
            for (j = 0; j < tokens; j++) printf "%d ", 1000 * rand()
            printf "\"}]}"
        }
        print "]"
    }' > "$folder/chats.json"
    "$build/falcon-gen-data" --target "$folder/target" --dataset "$folder/chats.json" --output "$folder/features" \
        --max-length "$tokens" --quiet > /dev/null
    cat > "$folder/recipe.toml" << TOML
[target]
path = "$folder/target"
[data]
shards = "$folder/features"
max_length = $tokens
validation_fraction = 0.0
[training]
epochs = 1000
max_steps = 4
batch_size = 8
precision = "bfloat16"
gradient_exchange = "float32"
checkpoint_every_steps = 0
[evaluation]
every_steps = 0
dialogues = 0
[logging]
tensorboard = false
TOML
}

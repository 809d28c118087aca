#!/usr/bin/env bash
# Disturbs falcon-gen-data, falcon-train and falcon-export at random moments and in other ways, runs them again, and
# compares every file that counts with an undisturbed run's, byte for byte. Ends with 1 where any differs, or where a
# command that could speak ended without one clear line.
#   fault-test.sh [MOMENTS=200] [FAULT ...]      faults: signals disk readonly unreadable replaced truncated clock
#                                                together memory; all of them where none is named
# SEED decides the moments (default 1), TARGET and DATASET what is run, BUILD the folder with the commands (default: the
# release build's). A full disk and a folder that cannot be written take root (they mount small file systems); without
# it, limits on file lengths and permissions stand in.
set -euo pipefail
cd "$(dirname "$0")/../.."
moments="${1:-200}"
shift || true
faults=("$@")
[[ ${#faults[@]} -gt 0 ]] || faults=(signals disk readonly unreadable replaced truncated clock together memory)
target="$(realpath "${TARGET:-Checkpoints/target}")"
dataset="$(realpath "${DATASET:-Datasets/quickstart-heldout.json}")"
build="$(realpath "${BUILD:-$(swift build -c release --show-bin-path)}")"
for command in gen-data train export; do
    [[ -x "$build/falcon-$command" ]] || { echo "fault-test: build first: swift build -c release" >&2; exit 1; }
done
RANDOM="${SEED:-1}"

work="$(mktemp -d)"
mounts=()
clean() {
    for mount in ${mounts[@]+"${mounts[@]}"}; do umount "$mount" 2> /dev/null || true; done
    rm -rf "$work"
}
trap clean EXIT
chmod 755 "$work"
fail() { echo "fault-test: $1" >&2; [[ -z "${2:-}" ]] || cat "$2" >&2; exit 1; }

cat > "$work/recipe.toml" << END
[target]
path = "$work/inputs/model"
[data]
shards = "$work/inputs/features"
max_length = 128
[draft]
block_size = 2
[optimizer]
learning_rate = 1e-3
[schedule]
warmup_steps = 2
[training]
epochs = 4
max_steps = 12
batch_size = 4
checkpoint_every_steps = 3
keep_checkpoints = 0
[evaluation]
every_steps = 6
END

# Takes this shell's place, so that a signal meets the command itself: run it in a shell of its own.
run() { # run COMMAND FOLDER: its results go to the folder
    case "$1" in
        gen-data) exec "$build/falcon-gen-data" --target "$work/inputs/model" --dataset "$dataset" --range 0:24 \
            --max-length 128 --conversations-per-shard 4 --quiet --threads 2 --output "$2" ;;
        train) exec "$build/falcon-train" --recipe "$work/recipe.toml" --quiet --threads 2 --resume --output "$2" ;;
        export) exec "$build/falcon-export" --checkpoint "$work/inputs/train" --quiet --output "$2" ;;
        infer) exec "$build/falcon-infer" --target "$work/inputs/model" --draft "$work/whole/export" --tree small \
            --dataset Datasets/quickstart-questions.jsonl --limit 3 --max-new-tokens 48 --quiet --threads 2 ;;
    esac
}
# What the commands read: the model, and what undisturbed runs made of it.
lay_inputs() {
    rm -rf "$work/inputs"
    mkdir "$work/inputs"
    cp -r "$target" "$work/inputs/model"
    [[ ! -d "$work/whole/gen-data" ]] || cp -r "$work/whole/gen-data" "$work/inputs/features"
    [[ ! -d "$work/whole/train" ]] || cp -r "$work/whole/train" "$work/inputs/train"
}

# What must be the same. Logs and reports hold times, unfinished files are no results.
digests() {
    (cd "$1" && find . -type f ! -name 'metrics.jsonl' ! -name 'events.out.*' ! -name 'report.html' ! -name '*.lock' \
        ! -path './.partial-*' ! -name '*.partial-*' -print0 | sort -z | xargs -0 sha256sum)
}
same() { # same COMMAND FOLDER WHAT: training that was asked to stop has one more checkpoint for each time
    diff <(digests "$work/whole/$1") <(digests "$2") > "$work/diff" || true
    [[ "$1" != train ]] || sed -i -E '/^> .*\.\/step-[0-9]+\//d; /^[0-9,]+a[0-9,]+$/d' "$work/diff"
    [[ ! -s "$work/diff" ]] || fail "$1, $3: the results differ" "$work/diff"
}
one_line() { # one_line COMMAND STATUS WHAT: ended with status 1 and one line on standard error, in the log
    [[ "$2" == 1 && "$(grep -c . "$work/log")" == 1 ]] ||
        fail "$1, $3: ended with status $2 and not with one line" "$work/log"
}
again() { # again COMMAND FOLDER WHAT: runs undisturbed and compares
    (run "$1" "$2") > /dev/null 2> "$work/log" || fail "$1, $3: does not go on afterwards" "$work/log"
    same "$1" "$2" "$3"
}
milliseconds() { echo $(($(date +%s%N) / 1000000)); }
declare -A duration
mkdir "$work/whole"
for command in gen-data train export; do
    lay_inputs
    started="$(milliseconds)"
    (run "$command" "$work/whole/$command") > /dev/null 2> "$work/log" || fail "$command does not run" "$work/log"
    duration[$command]=$(($(milliseconds) - started))
    echo "undisturbed: $command, ${duration[$command]} ms, $(digests "$work/whole/$command" | wc -l) files"
done

# Chosen by chance, as often as there is much to disturb.
commands=(gen-data gen-data gen-data train train train export)
pick() { command="${commands[RANDOM % ${#commands[@]}]}"; }
random_moment() { # sleeps until some moment of a run of the command
    sleep "$(awk -v r="$RANDOM" -v t="$((${duration[$command]} + 20))" 'BEGIN { printf "%.3f", r / 32768 * t / 1000 }')"
}
ended() { # the status of the process
    status=0
    wait "$process" 2> /dev/null || status=$?
}

# kill -9, SIGTERM and Ctrl-C, several on one folder in turn before it is finished and compared.
signals() {
    local count=0 folder=0 caught=0 target_count="$1"
    while ((count < target_count)); do
        pick
        ((folder += 1))
        for _ in 1 2 3; do
            (run "$command" "$work/disturbed") > /dev/null 2> "$work/log" &
            process=$!
            random_moment
            local signal
            case $((RANDOM % 3)) in 0) signal=KILL ;; 1) signal=TERM ;; 2) signal=INT ;; esac
            kill -s "$signal" "$process" 2> /dev/null || true
            ended
            ((status == 0)) && continue
            ((count += 1))
            # Before it listens to signals a process ends by them, as any does.
            if ((status < 128)); then
                ((caught += 1))
                one_line "$command" "$status" "SIG$signal"
            fi
        done
        again "$command" "$work/disturbed" "killed at random moments"
        rm -rf "$work/disturbed"
    done
    echo "signals: $count moments on $folder folders ($caught ended in words), all results the same"
}

# A disk that is full at some moment, then has room.
disk() {
    local full=0 fitting=0 small need
    for _ in $(seq "$1"); do
        pick
        need="$(du -sk "$work/whole/$command" | cut -f1)"
        small=$((need * (RANDOM % 130) / 100 + 64))
        mkdir -p "$work/disk"
        if [[ "$(id -u)" == 0 ]]; then
            mount -t tmpfs -o "size=${small}k" none "$work/disk"
            mounts=("$work/disk")
            (run "$command" "$work/disk/out") > /dev/null 2> "$work/log" &
        else
            (ulimit -f "$small"; run "$command" "$work/disk/out") > /dev/null 2> "$work/log" &
        fi
        process=$!
        ended
        if ((status == 0)); then ((fitting += 1)); else
            ((full += 1))
            one_line "$command" "$status" "a full disk"
        fi
        [[ "$(id -u)" != 0 ]] || mount -o remount,size=512m "$work/disk"
        again "$command" "$work/disk/out" "a disk of $small KiB"
        [[ "$(id -u)" != 0 ]] || umount "$work/disk"
        rm -rf "$work/disk"
    done
    echo "disk: full $full times ($fitting times it sufficed), each ended in one line and went on when there was room"
}

readonly_() {
    local tried=0
    for command in gen-data train export; do
        mkdir "$work/fixed"
        if [[ "$(id -u)" == 0 ]]; then
            mount -t tmpfs -o ro none "$work/fixed"
            mounts=("$work/fixed")
        else
            chmod 555 "$work/fixed"
        fi
        (run "$command" "$work/fixed/out") > /dev/null 2> "$work/log" &
        process=$!
        ended
        one_line "$command" "$status" "a folder that cannot be written"
        ((tried += 1))
        [[ "$(id -u)" != 0 ]] || umount "$work/fixed"
        rm -rf "$work/fixed"
    done
    echo "readonly: $tried commands ended in one line"
}

# Input files that may not be read, one after the other.
unreadable() {
    local tried=0 file user=()
    # root may read everything.
    [[ "$(id -u)" != 0 ]] || user=(setpriv --reuid 65534 --regid 65534 --clear-groups)
    for command in gen-data train export; do
        local files
        case "$command" in
            gen-data) files=(model/config.json model/model.safetensors model/tokenizer.json) ;;
            train) files=(model/config.json model/model.safetensors features/manifest.json features/shard-00000.h5) ;;
            export) files=(train/step-000012/model.safetensors train/step-000012/config.json) ;;
        esac
        for file in "${files[@]}"; do
            chmod -R a+rX "$work/inputs"
            chmod 000 "$work/inputs/$file"
            mkdir -p "$work/open"
            chmod 777 "$work/open"
            (
                export -f run
                export build dataset work
                exec ${user[@]+"${user[@]}"} bash -c "run $command $work/open/out"
            ) > /dev/null 2> "$work/log" &
            process=$!
            ended
            one_line "$command" "$status" "$file cannot be read"
            grep -q "$(basename "$file")" "$work/log" || fail "$command does not name $file" "$work/log"
            ((tried += 1))
            rm -rf "$work/open"
        done
        lay_inputs
    done
    echo "unreadable: $tried files, each named in one line"
}

# Inputs change under a running command: replaced by other files of their names, or cut off where they lie.
changed() { # changed HOW COUNT
    local spoken=0 unharmed=0 file
    for _ in $(seq "$2"); do
        command="${commands[RANDOM % 6]}"
        file="$work/inputs/model/model.safetensors"
        if [[ "$command" == train ]] && ((RANDOM % 2)); then
            file="$work/inputs/features/shard-0000$((RANDOM % 6)).h5"
        fi
        (run "$command" "$work/disturbed") > /dev/null 2> "$work/log" &
        process=$!
        random_moment
        if [[ "$1" == replaced ]]; then
            head -c 100000 /dev/urandom > "$work/other"
            mv "$work/other" "$file"
        else
            truncate -s "$((RANDOM % 4096))" "$file"
        fi
        ended
        if ((status == 0)); then ((unharmed += 1)); else
            ((spoken += 1))
            one_line "$command" "$status" "$(basename "$file") $1"
            grep -q "$(basename "$file")" "$work/log" || fail "$command does not name $file" "$work/log"
        fi
        lay_inputs
        again "$command" "$work/disturbed" "$(basename "$file") $1"
        rm -rf "$work/disturbed"
    done
    echo "$1: $2 times; $spoken ended in one line that names the file, $unharmed had read it; results the same"
}

# Every question for the time of day is answered with another day.
clock() {
    local tried=0
    cat > "$work/clock.c" << 'END'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <sys/time.h>
#include <time.h>
static long jump(void) { static long calls; return (++calls * 7919 % 61 - 30) * 86400; }
int clock_gettime(clockid_t clock, struct timespec *time) {
    int (*real)(clockid_t, struct timespec *) = dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += jump();
    return status;
}
int gettimeofday(struct timeval *time, void *zone) {
    int (*real)(struct timeval *, void *) = dlsym(RTLD_NEXT, "gettimeofday");
    int status = real(time, zone);
    time->tv_sec += jump();
    return status;
}
time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result) *result = now.tv_sec;
    return now.tv_sec;
}
END
    cc -O1 -shared -fPIC -o "$work/clock.so" "$work/clock.c" -ldl
    for command in gen-data train export; do
        (export LD_PRELOAD="$work/clock.so"; run "$command" "$work/disturbed") > /dev/null 2> "$work/log" ||
            fail "$command, a jumping clock: does not run" "$work/log"
        same "$command" "$work/disturbed" "a jumping clock"
        ((tried += 1))
        rm -rf "$work/disturbed"
    done
    echo "clock: $tried commands under a clock that jumps by up to 30 days at each look, results the same"
}

# Two runs on one folder at once: each does its part, or says that the other is at it.
together() {
    local refused=0
    for _ in $(seq "$1"); do
        pick
        (run "$command" "$work/disturbed") > /dev/null 2> "$work/log" &
        process=$!
        sleep "0.$((RANDOM % 3))"
        (run "$command" "$work/disturbed") > /dev/null 2> "$work/second" &
        second=$!
        ended
        if ((status != 0)); then
            ((refused += 1))
            one_line "$command" "$status" "two runs at once (the first)"
        fi
        process=$second
        ended
        if ((status != 0)); then
            ((refused += 1))
            mv "$work/second" "$work/log"
            one_line "$command" "$status" "two runs at once (the second)"
        fi
        again "$command" "$work/disturbed" "two runs at once"
        rm -rf "$work/disturbed"
    done
    echo "together: $1 pairs, $refused runs refused in one line, results the same"
}

# Too little memory: each command ends in one line, or has enough.
memory() {
    local fitting=0 spoken=0 unstarted=0
    for _ in $(seq "$1"); do
        pick
        ((RANDOM % 4)) || command=infer
        (ulimit -v "$((120000 + RANDOM * 28))"; run "$command" "$work/disturbed") > /dev/null 2> "$work/log" &
        process=$!
        # A run that waits for memory that never comes is ended; its status then is not 1.
        (sleep 60; kill -9 "$process" 2> /dev/null) > /dev/null 2>&1 &
        local watch=$!
        ended
        kill "$watch" 2> /dev/null || true
        wait "$watch" 2> /dev/null || true
        if ((status == 0)); then
            ((fitting += 1))
        elif ((status == 127)) && grep -q "error while loading shared libraries" "$work/log"; then
            # There was no memory for the libraries: the system's own line.
            ((unstarted += 1))
        else
            ((spoken += 1))
            one_line "$command" "$status" "little memory"
            grep -q "memory" "$work/log" || fail "$command does not say that memory is short" "$work/log"
        fi
        [[ "$command" == infer ]] || again "$command" "$work/disturbed" "little memory"
        rm -rf "$work/disturbed"
    done
    echo "memory: $1 limits of 117 MiB to 1 GiB; $spoken runs ended in one line, $unstarted did not start," \
        "$fitting had enough; results the same afterwards"
}

for fault in "${faults[@]}"; do
    case "$fault" in
        signals) signals "$moments" ;;
        disk) disk $((moments / 10 + 1)) ;;
        readonly) readonly_ ;;
        unreadable) unreadable ;;
        replaced | truncated) changed "$fault" $((moments / 10 + 1)) ;;
        clock) clock ;;
        together) together $((moments / 20 + 1)) ;;
        memory) memory $((moments / 10 + 1)) ;;
        *) fail "unknown fault $fault" ;;
    esac
done
echo "fault-test: nothing lost, nothing wrong"

#include "fuzz_engine.h"

#ifdef FALCON_FUZZ_ENGINE

#include <stdlib.h>

int LLVMFuzzerRunDriver(int *argc, char ***argv, int (*callback)(const uint8_t *, size_t));
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t count, size_t capacity);

static falcon_fuzz_read reader;
static falcon_fuzz_change changer;

static int read_one(const uint8_t *bytes, size_t count) {
    reader(bytes, count);
    return 0;
}

// The engine looks for this name. Half of the changes are its own, which learn from comparisons that it watches.
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t count, size_t capacity, unsigned seed) {
    if (seed & 1) return LLVMFuzzerMutate(bytes, count, capacity);
    return changer(bytes, count, capacity, seed >> 1);
}

int falcon_fuzz_run(
    int argc, char **argv, falcon_fuzz_read read, falcon_fuzz_change change, falcon_fuzz_finish finish) {
    reader = read;
    changer = change;
    if (atexit(finish) != 0) return -1;
    return LLVMFuzzerRunDriver(&argc, &argv, read_one);
}

#else

int falcon_fuzz_run(
    int argc, char **argv, falcon_fuzz_read read, falcon_fuzz_change change, falcon_fuzz_finish finish) {
    (void)argc, (void)argv, (void)read, (void)change, (void)finish;
    return -1;
}

#endif

// Clang's libFuzzer as one call. It is there in builds with -DFALCON_FUZZ_ENGINE and its library only
// (Scripts/verify/fuzz.sh); others say so.
#ifndef FALCON_FUZZ_ENGINE_H
#define FALCON_FUZZ_ENGINE_H

#include <stddef.h>
#include <stdint.h>

// Reads one input.
typedef void (*falcon_fuzz_read)(const uint8_t *bytes, size_t count);

// Changes `count` bytes in place, to at most `capacity` bytes, and returns their new number.
typedef size_t (*falcon_fuzz_change)(uint8_t *bytes, size_t count, size_t capacity, unsigned seed);

// Told when all inputs are read: the engine itself ends the process.
typedef void (*falcon_fuzz_finish)(void);

// Runs the engine with its own options (argv[0] is the program); -1 where this build has none.
int falcon_fuzz_run(
    int argc, char **argv, falcon_fuzz_read read, falcon_fuzz_change change, falcon_fuzz_finish finish);

#endif

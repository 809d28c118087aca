// What the checks of one kernel share: reproducible inputs, comparison with double precision, a fingerprint of bits.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Numbers between -1 and 1 that depend on the seed alone, so that every machine checks the same.
static inline float *numbers(size_t count, uint64_t seed) {
    float *values = malloc((count + 64) * sizeof(float));
    uint64_t state = seed * 0x9e3779b97f4a7c15ull + 1;
    for (size_t i = 0; i < count + 64; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        values[i] = (float)(int32_t)(state >> 32) * 0x1p-31f;
    }
    return values;
}

static inline float *zeros(size_t count) { return calloc(count + 64, sizeof(float)); }

// bfloat16 to nearest even.
static inline float rounded(float x) {
    uint32_t bits;
    memcpy(&bits, &x, 4);
    bits = (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff0000;
    memcpy(&x, &bits, 4);
    return x;
}

// FNV-1a over the bytes of a result.
static inline uint64_t fingerprint(uint64_t before, const void *data, size_t bytes) {
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++) before = (before ^ byte[i]) * 0x100000001b3ull;
    return before;
}

// One kernel on all its cases.
typedef struct {
    const char *name;
    double worst, limit;
    int promises_bits;
    uint64_t bits;
} check;

static inline check begin(const char *name, double limit, int promises_bits) {
    return (check){name, 0, limit, promises_bits, 0xcbf29ce484222325ull};
}

static inline void compare(check *c, double found, double expected) {
    double error = fabs(found - expected) / fmax(1, fabs(expected));
    // Not a number fails.
    if (!(error <= c->worst)) c->worst = error == error ? error : INFINITY;
}

static inline void remember(check *c, const void *data, size_t bytes) { c->bits = fingerprint(c->bits, data, bytes); }

extern int failures;

// name, worst error, limit, bits ("-" where none are promised)
static inline void finish(check c) {
    if (!(c.worst <= c.limit)) failures++;
    printf("%s\t%.2g\t%.2g\t", c.name, c.worst, c.limit);
    if (c.promises_bits) printf("%016llx\n", (unsigned long long)c.bits);
    else printf("-\n");
}

void check_conversion(void);
void check_inference(void);
void check_products(void);
void check_recurrence(void);
void check_training(void);

// Elementary functions over a vector of floats, for loops that are compiled once for each instruction set.
//
// A variant file defines LANES (4, 8 or 16), switches its target on with `#pragma clang attribute push`, and includes
// this header; so one text serves SSE2, NEON, AVX2 and AVX-512. Polynomials are Cephes' (S. L. Moshier), each within
// 2e-7 of the true value, relatively. NaN goes in, NaN comes out.
#pragma once
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifndef LANES
#error "define LANES before including vector_math.h"
#endif

typedef float floats __attribute__((ext_vector_type(LANES)));
typedef int32_t whole __attribute__((ext_vector_type(LANES)));

static inline __attribute__((always_inline)) floats load(const float *source) {
    floats value;
    memcpy(&value, source, sizeof value);
    return value;
}

static inline __attribute__((always_inline)) void store(float *target, floats value) {
    memcpy(target, &value, sizeof value);
}

// The first `count` (fewer than LANES) values; the other lanes hold `fill`.
static inline __attribute__((always_inline)) floats load_first(const float *source, size_t count, float fill) {
    float lanes[LANES];
    for (size_t i = 0; i < LANES; i++) lanes[i] = i < count ? source[i] : fill;
    return load(lanes);
}

static inline __attribute__((always_inline)) void store_first(float *target, size_t count, floats value) {
    float lanes[LANES];
    store(lanes, value);
    memcpy(target, lanes, count * sizeof(float));
}

// Sums pairwise, so that the order is fixed for a given LANES.
static inline __attribute__((always_inline)) float sum_of(floats value) {
    float lanes[LANES];
    store(lanes, value);
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] += lanes[i + width];
    return lanes[0];
}

static inline __attribute__((always_inline)) float maximum_of(floats value) {
    float lanes[LANES];
    store(lanes, value);
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t i = 0; i < width; i++) lanes[i] = lanes[i + width] > lanes[i] ? lanes[i + width] : lanes[i];
    return lanes[0];
}

// 2^power for -126 <= power <= 127.
static inline __attribute__((always_inline)) floats power_of_two(whole power) {
    return (floats)((power + 127) << 23);
}

static inline __attribute__((always_inline)) floats vector_exp(floats x) {
    // Written as selects with the comparison on x, so that NaN passes through.
    x = x > 89.0f ? (floats)89.0f : x;
    x = x < -104.0f ? (floats)-104.0f : x;
    // Adding 1.5 * 2^23 rounds to a whole number, which then stands in the low bits.
    const float magic = 12582912.0f;
    floats shifted = x * 1.44269504088896341f + magic;
    floats rounded = shifted - magic;
    floats r = x - rounded * 0.693359375f;
    r = r - rounded * -2.12194440e-4f;
    floats p = (floats)1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r;
    p = p + 1.0f;
    // Two steps, so that 2^128 and subnormal results come out right.
    whole power = (whole)shifted - (whole)(floats)magic;
    whole half = power >> 1;
    return p * power_of_two(half) * power_of_two(power - half);
}

// The natural logarithm of a normal positive number.
static inline __attribute__((always_inline)) floats vector_log(floats x) {
    // x = m * 2^e with m in [sqrt(1/2), sqrt(2)).
    whole bits = (whole)x;
    whole exponent = (bits - 0x3f3504f3) >> 23;
    floats m = (floats)(bits - (exponent << 23));
    floats e = __builtin_convertvector(exponent, floats);
    floats f = m - 1.0f;
    floats p = (floats)7.0376836292e-2f;
    p = p * f - 1.1514610310e-1f;
    p = p * f + 1.1676998740e-1f;
    p = p * f - 1.2420140846e-1f;
    p = p * f + 1.4249322787e-1f;
    p = p * f - 1.6668057665e-1f;
    p = p * f + 2.0000714765e-1f;
    p = p * f - 2.4999993993e-1f;
    p = p * f + 3.3333331174e-1f;
    floats square = f * f;
    floats y = p * f * square;
    y = y + e * -2.12194440e-4f;
    y = y - 0.5f * square;
    return (f + y) + e * 0.693359375f;
}

static inline __attribute__((always_inline)) floats vector_sigmoid(floats x) {
    return 1.0f / (1.0f + vector_exp(-x));
}

static inline __attribute__((always_inline)) floats vector_tanh(floats x) {
    floats magnitude = (floats)((whole)x & 0x7fffffff);
    whole sign = (whole)x & (int32_t)0x80000000;
    floats square = x * x;
    floats p = (floats)-5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square - 5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square - 3.33332819422e-1f;
    floats near_zero = p * square * x + x;
    floats far = 1.0f - 2.0f / (vector_exp(magnitude + magnitude) + 1.0f);
    far = (floats)((whole)far | sign);
    return magnitude < 0.625f ? near_zero : far;
}

#include "include/training_elementwise.h"

// Plain loops that the compiler vectorises; sums run in eight fixed lanes, so that every machine adds in one order.

void falcon_add(float *restrict target, const float *restrict values, size_t count) {
    for (size_t i = 0; i < count; i++) target[i] += values[i];
}

void falcon_multiply(float *restrict target, const float *restrict values, size_t count) {
    for (size_t i = 0; i < count; i++) target[i] *= values[i];
}

void falcon_scale(float *target, float factor, size_t count) {
    for (size_t i = 0; i < count; i++) target[i] *= factor;
}

void falcon_clamp(float *target, float limit, size_t count) {
    // Written so that NaN stays NaN: a broken gradient must not turn into a small one.
    for (size_t i = 0; i < count; i++) {
        float value = target[i];
        value = value > limit ? limit : value;
        target[i] = value < -limit ? -limit : value;
    }
}

#define LANES 8

double falcon_sum(const float *values, size_t count) {
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++) lanes[lane] += values[i + lane];
    for (size_t lane = 0; i < count; i++, lane++) lanes[lane] += values[i];
    double total = 0;
    for (size_t lane = 0; lane < LANES; lane++) total += lanes[lane];
    return total;
}

double falcon_sum_of_squares(const float *values, size_t count) {
    double lanes[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= count; i += LANES)
        for (size_t lane = 0; lane < LANES; lane++) lanes[lane] += (double)values[i + lane] * values[i + lane];
    for (size_t lane = 0; i < count; i++, lane++) lanes[lane] += (double)values[i] * values[i];
    double total = 0;
    for (size_t lane = 0; lane < LANES; lane++) total += lanes[lane];
    return total;
}

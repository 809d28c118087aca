#include "include/training_elementwise.h"
#include <math.h>

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

// A dot product in float32 over 16 fixed lanes.
#define WIDE 16

static inline float dot(const float *restrict a, const float *restrict b, size_t count) {
    float lanes[WIDE] = {0};
    size_t i = 0;
    for (; i + WIDE <= count; i += WIDE)
        for (size_t lane = 0; lane < WIDE; lane++) lanes[lane] += a[i + lane] * b[i + lane];
    for (size_t lane = 0; i < count; i++, lane++) lanes[lane] += a[i] * b[i];
    for (size_t half = WIDE / 2; half > 0; half /= 2)
        for (size_t lane = 0; lane < half; lane++) lanes[lane] += lanes[lane + half];
    return lanes[0];
}

float falcon_rms_norm_row(
    const float *restrict input, const float *restrict weight, float epsilon, size_t width, float *restrict output) {
    float inverse = 1 / sqrtf(dot(input, input, width) / (float)width + epsilon);
    for (size_t i = 0; i < width; i++) output[i] = weight[i] * (input[i] * inverse);
    return inverse;
}

void falcon_rms_norm_row_adjoint(
    const float *restrict gradient, const float *restrict input, const float *restrict weight, float inverse,
    size_t width, float *restrict input_gradient, float *restrict weight_gradient) {
    // y = w x r with r = (mean(x^2) + e)^(-1/2), so dr/dx = -r^3 x / width.
    for (size_t i = 0; i < width; i++) input_gradient[i] = gradient[i] * weight[i];
    float shared = dot(input_gradient, input, width) * inverse * inverse / (float)width;
    for (size_t i = 0; i < width; i++) {
        weight_gradient[i] += gradient[i] * (input[i] * inverse);
        input_gradient[i] = inverse * (input_gradient[i] - shared * input[i]);
    }
}

void falcon_gated_unit(const float *restrict gate, const float *restrict up, size_t count, float *restrict output) {
    for (size_t i = 0; i < count; i++) output[i] = gate[i] / (1 + expf(-gate[i])) * up[i];
}

void falcon_gated_unit_adjoint(
    const float *restrict gradient, const float *restrict gate, const float *restrict up, size_t count,
    float *restrict gate_gradient, float *restrict up_gradient) {
    for (size_t i = 0; i < count; i++) {
        float sigmoid = 1 / (1 + expf(-gate[i]));
        gate_gradient[i] = gradient[i] * up[i] * sigmoid * (1 + gate[i] * (1 - sigmoid));
        up_gradient[i] = gradient[i] * gate[i] * sigmoid;
    }
}

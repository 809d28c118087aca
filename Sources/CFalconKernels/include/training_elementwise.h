// Maps, sums and row-wise adjoints of training.
#pragma once
#include <stddef.h>

void falcon_add(float *restrict target, const float *restrict values, size_t count);
void falcon_multiply(float *restrict target, const float *restrict values, size_t count);
void falcon_scale(float *target, float factor, size_t count);
void falcon_clamp(float *target, float limit, size_t count);
double falcon_sum(const float *values, size_t count);
double falcon_sum_of_squares(const float *values, size_t count);

// RMSNorm of one row: output = weight * input * inverse, where inverse = 1 / sqrt(mean(input^2) + epsilon) is returned.
float falcon_rms_norm_row(
    const float *restrict input, const float *restrict weight, float epsilon, size_t width, float *restrict output);
// Sets input_gradient and adds to weight_gradient, for one row.
void falcon_rms_norm_row_adjoint(
    const float *restrict gradient, const float *restrict input, const float *restrict weight, float inverse,
    size_t width, float *restrict input_gradient, float *restrict weight_gradient);

// output = silu(gate) * up.
void falcon_gated_unit(const float *restrict gate, const float *restrict up, size_t count, float *restrict output);
void falcon_gated_unit_adjoint(
    const float *restrict gradient, const float *restrict gate, const float *restrict up, size_t count,
    float *restrict gate_gradient, float *restrict up_gradient);

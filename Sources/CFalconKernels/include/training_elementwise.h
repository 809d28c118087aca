// Maps and sums whose time is the memory's: one plain version is enough.
#pragma once
#include <stddef.h>

void falcon_add(float *restrict target, const float *restrict values, size_t count);
void falcon_multiply(float *restrict target, const float *restrict values, size_t count);
void falcon_scale(float *target, float factor, size_t count);
void falcon_clamp(float *target, float limit, size_t count);
double falcon_sum(const float *values, size_t count);
double falcon_sum_of_squares(const float *values, size_t count);

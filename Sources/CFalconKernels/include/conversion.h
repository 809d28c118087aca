// Widening and narrowing of stored numbers, rounded to nearest even.
#pragma once
#include <stddef.h>
#include <stdint.h>

// `source` may be unaligned.
void falcon_widen_float16(const void *source, float *target, size_t count);
void falcon_widen_bfloat16(const void *source, float *target, size_t count);
void falcon_narrow_float16(const float *source, void *target, size_t count);
void falcon_narrow_bfloat16(const float *source, void *target, size_t count);

// Values rounded to bfloat16 where they stand; and that, with values of bfloat16 added.
void falcon_round_bfloat16(float *values, size_t count);
void falcon_round_add_bfloat16(float *values, const uint16_t *others, size_t count);

// 1 where no value is infinite or NaN. `values` may be unaligned.
int falcon_all_finite(const void *values, size_t count);
// The same for numbers of 16 bits, whose exponent has the bits `exponent`.
int falcon_all_finite_halves(const void *values, uint16_t exponent, size_t count);

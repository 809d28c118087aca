#include "include/conversion.h"
#include "half.h"
#include <stdint.h>
#include <string.h>

// Plain loops that the compiler vectorises. float16 is converted by integer arithmetic, so that a processor without
// half-precision instructions gives the same bits.

static inline uint16_t narrow_half(float value) {
    uint32_t bits = bits_of(value);
    uint32_t sign = (bits >> 16) & 0x8000;
    uint32_t magnitude = bits & 0x7fffffff;
    if (magnitude > 0x7f800000) return (uint16_t)(sign | 0x7e00);   // NaN
    if (magnitude >= 0x477ff000) return (uint16_t)(sign | 0x7c00);  // rounds beyond 65504
    if (magnitude < 0x38800000) {
        // Subnormal: adding 0.5 lines the fraction up with the last bit and rounds to nearest even.
        float shifted = value_of(magnitude) + 0.5f;
        return (uint16_t)(sign | (bits_of(shifted) - 0x3f000000));
    }
    uint32_t odd = (magnitude >> 13) & 1;
    return (uint16_t)(sign | ((magnitude + 0xfff + odd - 0x38000000) >> 13));
}

void falcon_widen_float16(const void *source, float *target, size_t count) {
    const unsigned char *bytes = source;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, 2);
        target[i] = widen_half(half);
    }
}

void falcon_widen_bfloat16(const void *source, float *target, size_t count) {
    const unsigned char *bytes = source;
    for (size_t i = 0; i < count; i++) {
        uint16_t half;
        memcpy(&half, bytes + 2 * i, 2);
        target[i] = value_of((uint32_t)half << 16);
    }
}

void falcon_narrow_float16(const float *source, void *target, size_t count) {
    unsigned char *bytes = target;
    for (size_t i = 0; i < count; i++) {
        uint16_t half = narrow_half(source[i]);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

static inline uint16_t narrow_bfloat16(float value) {
    uint32_t bits = bits_of(value);
    uint32_t rounded = (bits + 0x7fff + ((bits >> 16) & 1)) >> 16;
    return (bits & 0x7fffffff) > 0x7f800000 ? (uint16_t)((bits >> 16) | 0x40) : (uint16_t)rounded;
}

void falcon_narrow_bfloat16(const float *source, void *target, size_t count) {
    unsigned char *bytes = target;
    for (size_t i = 0; i < count; i++) {
        uint16_t half = narrow_bfloat16(source[i]);
        memcpy(bytes + 2 * i, &half, 2);
    }
}

void falcon_round_bfloat16(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) values[i] = value_of((uint32_t)narrow_bfloat16(values[i]) << 16);
}

void falcon_round_add_bfloat16(float *values, const uint16_t *others, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = value_of((uint32_t)narrow_bfloat16(values[i]) << 16) + value_of((uint32_t)others[i] << 16);
    }
}

int falcon_all_finite(const void *values, size_t count) {
    const unsigned char *bytes = values;
    uint32_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, bytes + 4 * i, 4);
        bad |= (bits & 0x7f800000) == 0x7f800000;
    }
    return !bad;
}

int falcon_all_finite_halves(const void *values, uint16_t exponent, size_t count) {
    const unsigned char *bytes = values;
    uint16_t bad = 0;
    for (size_t i = 0; i < count; i++) {
        uint16_t bits;
        memcpy(&bits, bytes + 2 * i, 2);
        bad |= (uint16_t)((bits & exponent) == exponent);
    }
    return !bad;
}

// Half-precision numbers by integer arithmetic, so that a processor without instructions for them gives the same bits.
#pragma once
#include <stdint.h>
#include <string.h>

static inline uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return bits;
}

static inline float value_of(uint32_t bits) {
    float value;
    memcpy(&value, &bits, 4);
    return value;
}

static inline float widen_half(uint16_t half) {
    uint32_t sign = (uint32_t)(half & 0x8000) << 16;
    uint32_t magnitude = half & 0x7fff;
    // Shift exponent and fraction into place, then rescale by 2^112: exact for normal and subnormal numbers.
    float scaled = value_of(magnitude << 13) * value_of(0x77800000);
    uint32_t bits = magnitude >= 0x7c00 ? (magnitude << 13) | 0x7f800000 : bits_of(scaled);
    return value_of(bits | sign);
}

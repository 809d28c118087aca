#include "include/dequantize.h"
#include "half.h"

// The blocks are those of ggml (MIT licence, ggml-common.h and ggml-quants.c). A fused multiply-add would change the
// last bit.
#pragma STDC FP_CONTRACT OFF

static inline float half_at(const uint8_t *bytes) {
    return widen_half((uint16_t)(bytes[0] | bytes[1] << 8));
}

static inline uint32_t word_at(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void q4_0(const uint8_t *block, float *y) {
    const float d = half_at(block);
    const uint8_t *q = block + 2;
    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)((q[j] & 15) - 8);
        y[j + 16] = d * (float)((q[j] >> 4) - 8);
    }
}

static void q4_1(const uint8_t *block, float *y) {
    const float d = half_at(block), m = half_at(block + 2);
    const uint8_t *q = block + 4;
    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)(q[j] & 15) + m;
        y[j + 16] = d * (float)(q[j] >> 4) + m;
    }
}

static void q5_0(const uint8_t *block, float *y) {
    const float d = half_at(block);
    const uint32_t high = word_at(block + 2);
    const uint8_t *q = block + 6;
    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)((int)((q[j] & 15) | (high >> j & 1) << 4) - 16);
        y[j + 16] = d * (float)((int)((q[j] >> 4) | (high >> (j + 16) & 1) << 4) - 16);
    }
}

static void q5_1(const uint8_t *block, float *y) {
    const float d = half_at(block), m = half_at(block + 2);
    const uint32_t high = word_at(block + 4);
    const uint8_t *q = block + 8;
    for (int j = 0; j < 16; j++) {
        y[j] = d * (float)((q[j] & 15) | (high >> j & 1) << 4) + m;
        y[j + 16] = d * (float)((q[j] >> 4) | (high >> (j + 16) & 1) << 4) + m;
    }
}

static void q8_0(const uint8_t *block, float *y) {
    const float d = half_at(block);
    const int8_t *q = (const int8_t *)(block + 2);
    for (int j = 0; j < 32; j++) y[j] = d * (float)q[j];
}

static void q2_k(const uint8_t *block, float *y) {
    const uint8_t *scale = block, *q = block + 16;
    const float d = half_at(block + 80), least = half_at(block + 82);
    for (int half = 0; half < 2; half++, q += 32) {
        for (int shift = 0; shift < 8; shift += 2) {
            for (int part = 0; part < 2; part++, scale++, y += 16) {
                const float step = d * (float)(*scale & 15), m = least * (float)(*scale >> 4);
                for (int l = 0; l < 16; l++) y[l] = step * (float)(q[16 * part + l] >> shift & 3) - m;
            }
        }
    }
}

static void q3_k(const uint8_t *block, float *y) {
    const uint8_t *high = block, *q = block + 32, *scales = block + 96;
    const float d = half_at(block + 108);
    int index = 0;
    for (int half = 0; half < 2; half++, q += 32) {
        for (int j = 0; j < 4; j++) {
            const int bit = 4 * half + j;
            for (int part = 0; part < 2; part++, index++, y += 16) {
                const int low = index < 8 ? scales[index] & 15 : scales[index - 8] >> 4;
                const int scale = low | (scales[8 + index % 4] >> (index / 4 * 2) & 3) << 4;
                const float step = d * (float)(scale - 32);
                for (int l = 0; l < 16; l++) {
                    const int place = 16 * part + l;
                    y[l] = step * (float)((q[place] >> (2 * j) & 3) - ((high[place] >> bit & 1) ? 0 : 4));
                }
            }
        }
    }
}

// The scale and the least value of group `j` of 32 in Q4_K and Q5_K: 6 bits each, in 12 bytes.
static inline void six_bits(const uint8_t *scales, int j, float *scale, float *least) {
    if (j < 4) {
        *scale = (float)(scales[j] & 63);
        *least = (float)(scales[j + 4] & 63);
    } else {
        *scale = (float)((scales[j + 4] & 15) | (scales[j - 4] >> 6) << 4);
        *least = (float)((scales[j + 4] >> 4) | (scales[j] >> 6) << 4);
    }
}

static void q4_k(const uint8_t *block, float *y) {
    const float d = half_at(block), least = half_at(block + 2);
    const uint8_t *scales = block + 4, *q = block + 16;
    for (int j = 0; j < 8; j++, y += 32) {
        float scale, m;
        six_bits(scales, j, &scale, &m);
        const float step = d * scale, floor = least * m;
        const int shift = j % 2 * 4;
        for (int l = 0; l < 32; l++) y[l] = step * (float)(q[l] >> shift & 15) - floor;
        q += j % 2 * 32;
    }
}

static void q5_k(const uint8_t *block, float *y) {
    const float d = half_at(block), least = half_at(block + 2);
    const uint8_t *scales = block + 4, *high = block + 16, *q = block + 48;
    for (int j = 0; j < 8; j++, y += 32) {
        float scale, m;
        six_bits(scales, j, &scale, &m);
        const float step = d * scale, floor = least * m;
        const int shift = j % 2 * 4;
        for (int l = 0; l < 32; l++) y[l] = step * (float)((q[l] >> shift & 15) | (high[l] >> j & 1) << 4) - floor;
        q += j % 2 * 32;
    }
}

static void q6_k(const uint8_t *block, float *y) {
    const uint8_t *low = block, *high = block + 128;
    const int8_t *scales = (const int8_t *)(block + 192);
    const float d = half_at(block + 208);
    for (int half = 0; half < 2; half++, low += 64, high += 32) {
        for (int group = 0; group < 8; group++, y += 16) {
            // Groups of 16: two of each 32 low nibbles, then the same with the high ones.
            const int place = group % 4 * 16, shift = group / 4 * 4, pair = group / 2 * 2;
            const float step = d * (float)scales[8 * half + group];
            for (int l = 0; l < 16; l++) {
                const int q = (low[place + l] >> shift & 15) | (high[group % 2 * 16 + l] >> pair & 3) << 4;
                y[l] = step * (float)(q - 32);
            }
        }
    }
}

static const float nonlinear[16] = {-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113};

static void iq4_nl(const uint8_t *block, float *y) {
    const float d = half_at(block);
    const uint8_t *q = block + 2;
    for (int j = 0; j < 16; j++) {
        y[j] = d * nonlinear[q[j] & 15];
        y[j + 16] = d * nonlinear[q[j] >> 4];
    }
}

static void iq4_xs(const uint8_t *block, float *y) {
    const float d = half_at(block);
    const int high = block[2] | block[3] << 8;
    const uint8_t *low = block + 4, *q = block + 8;
    for (int group = 0; group < 8; group++, q += 16, y += 32) {
        const int scale = (low[group / 2] >> (group % 2 * 4) & 15) | (high >> (2 * group) & 3) << 4;
        const float step = d * (float)(scale - 32);
        for (int j = 0; j < 16; j++) {
            y[j] = step * nonlinear[q[j] & 15];
            y[j + 16] = step * nonlinear[q[j] >> 4];
        }
    }
}

// Five digits in base 3 of each byte: the byte is the fraction digits / 243, scaled to 256 and rounded up.
static inline int third(uint8_t byte, int digit) {
    static const uint8_t powers[5] = {1, 3, 9, 27, 81};
    return (uint8_t)(byte * powers[digit]) * 3 >> 8;
}

static void tq1_0(const uint8_t *block, float *y) {
    const float d = half_at(block + 52);
    for (int digit = 0; digit < 5; digit++)
        for (int j = 0; j < 32; j++) *y++ = d * (float)(third(block[j], digit) - 1);
    for (int digit = 0; digit < 5; digit++)
        for (int j = 32; j < 48; j++) *y++ = d * (float)(third(block[j], digit) - 1);
    for (int digit = 0; digit < 4; digit++)
        for (int j = 48; j < 52; j++) *y++ = d * (float)(third(block[j], digit) - 1);
}

static void tq2_0(const uint8_t *block, float *y) {
    const float d = half_at(block + 64);
    for (int start = 0; start < 64; start += 32)
        for (int shift = 0; shift < 8; shift += 2)
            for (int j = 0; j < 32; j++) *y++ = d * (float)((block[start + j] >> shift & 3) - 1);
}

static void mxfp4(const uint8_t *block, float *y) {
    static const float values[16] = {0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};
    // 2^(e - 128): the table holds doubled values. The two smallest powers are subnormal.
    const uint32_t exponent = block[0];
    const float d = value_of(exponent < 2 ? 0x00200000u << exponent : (exponent - 1) << 23);
    const uint8_t *q = block + 1;
    for (int j = 0; j < 16; j++) {
        y[j] = d * values[q[j] & 15];
        y[j + 16] = d * values[q[j] >> 4];
    }
}

void falcon_dequantize(int type, const void *blocks, float *target, size_t count) {
    const uint8_t *block = blocks;
#define EACH(function, bytes, values) \
    for (size_t i = 0; i < count; i++) function(block + (bytes) * i, target + (values) * i); \
    return
    switch (type) {
    case 2: EACH(q4_0, 18, 32);
    case 3: EACH(q4_1, 20, 32);
    case 6: EACH(q5_0, 22, 32);
    case 7: EACH(q5_1, 24, 32);
    case 8: EACH(q8_0, 34, 32);
    case 10: EACH(q2_k, 84, 256);
    case 11: EACH(q3_k, 110, 256);
    case 12: EACH(q4_k, 144, 256);
    case 13: EACH(q5_k, 176, 256);
    case 14: EACH(q6_k, 210, 256);
    case 20: EACH(iq4_nl, 18, 32);
    case 23: EACH(iq4_xs, 136, 256);
    case 34: EACH(tq1_0, 54, 256);
    case 35: EACH(tq2_0, 66, 256);
    case 39: EACH(mxfp4, 17, 32);
    default: return;
    }
#undef EACH
}

// Half-precision numbers at these two places of each block.
static int halves_are_finite(const uint8_t *block, size_t bytes, size_t first, size_t second, size_t count) {
    int finite = 1;
    for (size_t i = 0; i < count; i++, block += bytes)
        finite &= (block[first + 1] & 0x7c) != 0x7c && (block[second + 1] & 0x7c) != 0x7c;
    return finite;
}

int falcon_blocks_are_finite(int type, const void *blocks, size_t count) {
    const uint8_t *block = blocks;
    // The largest half-precision number times the largest value and scale of a block is far below the largest float,
    // and an infinite one times zero is not a number: so a block is finite where its numbers are.
    switch (type) {
    case 2: return halves_are_finite(block, 18, 0, 0, count);
    case 3: return halves_are_finite(block, 20, 0, 2, count);
    case 6: return halves_are_finite(block, 22, 0, 0, count);
    case 7: return halves_are_finite(block, 24, 0, 2, count);
    case 8: return halves_are_finite(block, 34, 0, 0, count);
    case 10: return halves_are_finite(block, 84, 80, 82, count);
    case 11: return halves_are_finite(block, 110, 108, 108, count);
    case 12: return halves_are_finite(block, 144, 0, 2, count);
    case 13: return halves_are_finite(block, 176, 0, 2, count);
    case 14: return halves_are_finite(block, 210, 208, 208, count);
    case 20: return halves_are_finite(block, 18, 0, 0, count);
    case 23: return halves_are_finite(block, 136, 0, 0, count);
    case 34: return halves_are_finite(block, 54, 52, 52, count);
    case 35: return halves_are_finite(block, 66, 64, 64, count);
    default: break;
    }
    // MXFP4: powers of two up to 2^126 by values up to 12.
    for (size_t i = 0; i < count; i++) {
        float values[32], nothing = 0;
        mxfp4(block + 17 * i, values);
        for (int j = 0; j < 32; j++) nothing += values[j] - values[j];
        if (nothing != 0) return 0;
    }
    return 1;
}

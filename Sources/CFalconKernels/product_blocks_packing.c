// Packing weights of few bits, once at load: GGUF's blocks only change their places.
#include "product_blocks.h"
#include <string.h>

// IQ4_NL's and IQ4_XS's values, 127 above what they are, and those of MXFP4, doubled and 12 above.
const uint8_t falcon_value_tables[3][16] = {
    {0},
    {0, 23, 44, 62, 78, 92, 105, 117, 128, 140, 152, 165, 180, 196, 216, 240},
    {12, 13, 14, 15, 16, 18, 20, 24, 12, 11, 10, 9, 8, 6, 4, 0},
};

char *falcon_half_panel(int bits, int kind, size_t depth, size_t column, void *panel) {
    size_t group = FALCON_SHORT_GROUP * FALCON_GROUPS(kind), heads = (depth + group - 1) / group;
    return (char *)panel + column / FALCON_HALF_PANEL * heads * (size_t)FALCON_HALF_BYTES(bits, kind);
}

// 16 values of a column, and the words that a panel takes them in.
typedef uint8_t sixteen __attribute__((vector_size(16)));
typedef uint32_t four __attribute__((vector_size(16)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE sixteen load(const uint8_t *source) {
    sixteen values;
    memcpy(&values, source, sizeof values);
    return values;
}

// The low `bits` of bytes of four words in those of one, the next word's beside the last one's.
INLINE uint32_t gather(sixteen values, int bits) {
    four words = (four)values;
    return words[0] | words[1] << bits | words[2] << 2 * bits | words[3] << 3 * bits;
}

// The earlier and the later 16 of a group. (A column's words lie a line apart: with what is constant folded in, this
// is some ten operations of 16 bytes and as many stores as there are words.)
INLINE void put(int bits, int kind, sixteen early, sixteen late, size_t column, char *group) {
    uint32_t *words = (uint32_t *)(group + FALCON_SCALE_BYTES(kind)) + column % FALCON_HALF_PANEL;
    if (bits == 8) {
        for (int t = 0; t < 4; t++) {
            words[16 * t] = ((four)early)[t];
            words[16 * (t + 4)] = ((four)late)[t];
        }
        return;
    }
    if (bits == 5) {
        words[0] = gather(early >> 4 & 1, 1) | gather(late >> 4 & 1, 1) << 4;
    } else if (bits == 6) {
        words[0] = gather(early >> 4 & 3, 2);
        words[16] = gather(late >> 4 & 3, 2);
    }
    four low = (four)((early & 15) | late << 4);
    for (int t = 0; t < 4; t++) words[16 * (bits - 4 + t)] = low[t];
}

void falcon_put_values(int bits, int kind, const uint8_t values[32], size_t column, char *group) {
    put(bits, kind, load(values), load(values + 16), column, group);
}

void falcon_put_number(uint16_t bits, size_t column, char *line) {
    memcpy(line + column % FALCON_HALF_PANEL * 2, &bits, 2);
}

// A half-precision number of a block.
static void put_half(const uint8_t *source, size_t column, char *line) {
    falcon_put_number((uint16_t)(source[0] | source[1] << 8), column, line);
}

// 16 where one of 16 bits is set.
INLINE sixteen fifth_bits(const uint8_t *source) {
    const sixteen mask = {1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128};
    uint64_t each[2] = {source[0] * 0x0101010101010101u, source[1] * 0x0101010101010101u};
    return (sixteen)((load((const uint8_t *)each) & mask) != 0) & 16;
}

// Blocks of 32 values: scale, minimum (if there is one), high bits (of 5), values, the earlier 16 of 4 bits in the low
// halves.
INLINE void pack_short_blocks(
    int bits, int kind, const uint8_t *source, size_t depth, size_t start, size_t end, size_t column,
    void *panel) {
    char *half = falcon_half_panel(bits, kind, depth, column, panel);
    const size_t scales = kind == FALCON_RANGED ? 4 : 2, high = bits == 5 ? 4 : 0;
    const size_t bytes = scales + high + (bits == 8 ? 32 : 16);
    for (size_t block = start / 32; block < end / 32; block++) {
        const uint8_t *from = source + block * bytes;
        char *group = half + block * (size_t)FALCON_GROUP_BYTES(bits, kind);
        sixteen early = load(from + scales + high), late = early >> 4;
        if (bits == 8) {
            late = load(from + scales + 16) ^ 128;
            early ^= 128;
        } else {
            early &= 15;
        }
        if (bits == 5) {
            early |= fifth_bits(from + scales);
            late |= fifth_bits(from + scales + 2);
        }
        put_half(from, column, group);
        if (kind == FALCON_RANGED) put_half(from + 2, column, group + 32);
        put(bits, kind, early, late, column, group);
    }
}

#define SHORT_BLOCKS(NAME, BITS, KIND)                                                                          \
    void falcon_pack_column_##NAME(                                                                             \
        const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {     \
        (void)type;                                                                                             \
        pack_short_blocks(BITS, KIND, source, depth, start, end, column, panel);                                \
    }
SHORT_BLOCKS(q4_0, 4, FALCON_SCALED)
SHORT_BLOCKS(q4_1, 4, FALCON_RANGED)
SHORT_BLOCKS(q5_0, 5, FALCON_SCALED)
SHORT_BLOCKS(q5_1, 5, FALCON_RANGED)
SHORT_BLOCKS(q8_0, 8, FALCON_SCALED)
SHORT_BLOCKS(iq4_nl, 4, FALCON_SCALED)

// Q4_K: scale, minimum, 12 bytes with 8 scales and minimums of 6 bits, 128 bytes. Q5_K: a fifth bit of each value
// before those, bit g of byte i for value i of group g.
INLINE void pack_ranged_block(int bits, const uint8_t *source, size_t block, size_t column, char *half) {
    const uint8_t *from = source + block * (bits == 5 ? 176 : 144), *sixes = from + 4, *high = from + 16;
    const uint8_t *low = bits == 5 ? from + 48 : from + 16;
    char *head = half + block * (size_t)FALCON_HALF_BYTES(bits, FALCON_RANGED_TWICE);
    put_half(from, column, head);
    put_half(from + 2, column, head + 32);
    char *group = head + FALCON_HEAD_BYTES(FALCON_RANGED_TWICE);
    UNROLL for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(bits, FALCON_RANGED_TWICE)) {
        int n = g % 4;
        char *scales = group + column % FALCON_HALF_PANEL;
        scales[0] = (char)(g < 4 ? sixes[n] & 63 : (sixes[n + 8] & 15) | sixes[n] >> 6 << 4);
        scales[16] = (char)(g < 4 ? sixes[n + 4] & 63 : sixes[n + 8] >> 4 | sixes[n + 4] >> 6 << 4);
        sixteen part[2];
        for (int i = 0; i < 2; i++) {
            part[i] = load(low + g / 2 * 32 + 16 * i) >> (uint8_t)(g % 2 * 4) & 15;
            if (bits == 5) part[i] |= (load(high + 16 * i) >> (uint8_t)g & 1) << 4;
        }
        put(bits, FALCON_RANGED_TWICE, part[0], part[1], column, group);
    }
}

void falcon_pack_column_q4_k(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    (void)type;
    char *half = falcon_half_panel(4, FALCON_RANGED_TWICE, depth, column, panel);
    for (size_t block = start / 256; block < end / 256; block++) pack_ranged_block(4, source, block, column, half);
}

void falcon_pack_column_q5_k(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    (void)type;
    char *half = falcon_half_panel(5, FALCON_RANGED_TWICE, depth, column, panel);
    for (size_t block = start / 256; block < end / 256; block++) pack_ranged_block(5, source, block, column, half);
}

// 128 bytes with 4 bits of each value, 64 with 2, 16 signed scales, the scale: of each 128 values the low halves of 64
// bytes hold the earlier ones, and bits 2 n of 32 bytes belong to group n.
void falcon_pack_column_q6_k(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    (void)type;
    char *half = falcon_half_panel(6, FALCON_SCALED_TWICE, depth, column, panel);
    for (size_t block = start / 256; block < end / 256; block++) {
        const uint8_t *from = (const uint8_t *)source + block * 210;
        char *head = half + block * (size_t)FALCON_HALF_BYTES(6, FALCON_SCALED_TWICE);
        put_half(from + 208, column, head);
        char *group = head + FALCON_HEAD_BYTES(FALCON_SCALED_TWICE);
        UNROLL for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(6, FALCON_SCALED_TWICE)) {
            group[column % FALCON_HALF_PANEL] = (char)from[192 + 2 * g];
            group[16 + column % FALCON_HALF_PANEL] = (char)from[192 + 2 * g + 1];
            const uint8_t *low = from + g / 4 * 64 + g % 2 * 32, *high = from + 128 + g / 4 * 32;
            sixteen part[2];
            for (int i = 0; i < 2; i++)
                part[i] = (load(low + 16 * i) >> (uint8_t)(g % 4 / 2 * 4) & 15)
                    | (load(high + 16 * i) >> (uint8_t)(g % 4 * 2) & 3) << 4;
            put(6, FALCON_SCALED_TWICE, part[0], part[1], column, group);
        }
    }
}

// 32 bytes with the third bit of each value, bit g of byte i for value i of group g (set: nothing is subtracted), 64
// with the other two, 12 with 16 scales of 6 bits, the scale. The third bit stays third: values lie 4 above.
void falcon_pack_column_q3_k(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    (void)type;
    char *half = falcon_half_panel(4, FALCON_SCALED_TWICE, depth, column, panel);
    for (size_t block = start / 256; block < end / 256; block++) {
        const uint8_t *from = (const uint8_t *)source + block * 110, *sixes = from + 96;
        char *head = half + block * (size_t)FALCON_HALF_BYTES(4, FALCON_SCALED_TWICE);
        put_half(from + 108, column, head);
        char *group = head + FALCON_HEAD_BYTES(FALCON_SCALED_TWICE);
        UNROLL for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(4, FALCON_SCALED_TWICE)) {
            for (int i = 0; i < 2; i++) {
                int n = 2 * g + i, low = n < 8 ? sixes[n] & 15 : sixes[n - 8] >> 4;
                int high = sixes[8 + n % 4] >> (n / 4 * 2) & 3;
                group[16 * i + column % FALCON_HALF_PANEL] = (char)((low | high << 4) - 32);
            }
            sixteen part[2];
            for (int i = 0; i < 2; i++)
                part[i] = (load(from + 32 + g / 4 * 32 + 16 * i) >> (uint8_t)(g % 4 * 2) & 3)
                    | (load(from + 16 * i) >> (uint8_t)g & 1) << 2;
            put(4, FALCON_SCALED_TWICE, part[0], part[1], column, group);
        }
    }
}

// The scale, 2 and 4 bytes with 8 scales of 6 bits, 128 bytes. Both halves of a group have the same scale.
void falcon_pack_column_iq4_xs(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    (void)type;
    char *half = falcon_half_panel(4, FALCON_SCALED_TWICE, depth, column, panel);
    for (size_t block = start / 256; block < end / 256; block++) {
        const uint8_t *from = (const uint8_t *)source + block * 136;
        char *head = half + block * (size_t)FALCON_HALF_BYTES(4, FALCON_SCALED_TWICE);
        put_half(from, column, head);
        char *group = head + FALCON_HEAD_BYTES(FALCON_SCALED_TWICE);
        UNROLL for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(4, FALCON_SCALED_TWICE)) {
            int low = from[4 + g / 2] >> (g % 2 * 4) & 15, high = from[2 + g / 4] >> (g % 4 * 2) & 3;
            for (int i = 0; i < 2; i++) group[16 * i + column % FALCON_HALF_PANEL] = (char)((low | high << 4) - 32);
            sixteen values = load(from + 8 + 16 * g);
            put(4, FALCON_SCALED_TWICE, values & 15, values >> 4, column, group);
        }
    }
}

// An exponent e for half of 2^(e - 127), as values are doubled, 16 bytes. The two smallest powers are subnormal.
void falcon_pack_column_mxfp4(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    (void)type;
    char *half = falcon_half_panel(4, FALCON_BRAIN_SCALED, depth, column, panel);
    for (size_t block = start / 32; block < end / 32; block++) {
        const uint8_t *from = (const uint8_t *)source + block * 17;
        char *group = half + block * (size_t)FALCON_GROUP_BYTES(4, FALCON_BRAIN_SCALED);
        falcon_put_number((uint16_t)(from[0] < 2 ? 0x20 << from[0] : (from[0] - 1) << 7), column, group);
        sixteen values = load(from + 1);
        put(4, FALCON_BRAIN_SCALED, values & 15, values >> 4, column, group);
    }
}

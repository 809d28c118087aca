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

// Four values at once, in the bytes of a word.
static uint32_t four_values(const uint8_t *values) {
    uint32_t four;
    memcpy(&four, values, 4);
    return four;
}

void falcon_put_values(int bits, int kind, const uint8_t values[32], size_t column, char *group) {
    uint32_t *words = (uint32_t *)(group + FALCON_SCALE_BYTES(kind)) + column % FALCON_HALF_PANEL;
    if (bits == 8) {
        for (int word = 0; word < 8; word++) words[16 * word] = four_values(values + 4 * word);
        return;
    }
    for (int word = 0; word < bits - 4; word++) {
        uint32_t high = 0;
        if (bits == 5)
            for (int t = 0; t < 8; t++) high |= (four_values(values + 4 * t) >> 4 & 0x01010101) << t;
        else
            for (int t = 0; t < 4; t++) high |= (four_values(values + 16 * word + 4 * t) >> 4 & 0x03030303) << (2 * t);
        words[16 * word] = high;
    }
    for (int t = 0; t < 4; t++)
        words[16 * (bits - 4 + t)] = (four_values(values + 4 * t) & 0x0f0f0f0f)
            | (four_values(values + 16 + 4 * t) & 0x0f0f0f0f) << 4;
}

void falcon_put_number(uint16_t bits, size_t column, char *line) {
    memcpy(line + column % FALCON_HALF_PANEL * 2, &bits, 2);
}

// A half-precision number of a block.
static void put_half(const uint8_t *source, size_t column, char *line) {
    falcon_put_number((uint16_t)(source[0] | source[1] << 8), column, line);
}

// 32 values of 4 bits, the earlier 16 in the low halves.
static void read_fours(const uint8_t *source, uint8_t *values) {
    for (int i = 0; i < 16; i++) {
        values[i] = source[i] & 15;
        values[16 + i] = source[i] >> 4;
    }
}

// Blocks of 32 values: scale, minimum (if there is one), high bits (of 5), values.
static void pack_short_blocks(
    int bits, int kind, const uint8_t *source, size_t depth, size_t start, size_t end, size_t column,
    void *panel) {
    char *half = falcon_half_panel(bits, kind, depth, column, panel);
    size_t scales = kind == FALCON_RANGED ? 4 : 2, high = bits == 5 ? 4 : 0;
    size_t bytes = scales + high + (bits == 8 ? 32 : 16);
    for (size_t block = start / 32; block < end / 32; block++) {
        const uint8_t *from = source + block * bytes;
        char *group = half + block * (size_t)FALCON_GROUP_BYTES(bits, kind);
        uint8_t values[32];
        uint32_t fifth = 0;
        memcpy(&fifth, from + scales, high);
        if (bits == 8) memcpy(values, from + scales, 32);
        else read_fours(from + scales + high, values);
        for (int i = 0; i < 32; i++)
            values[i] = (uint8_t)((values[i] | (fifth >> i & 1) << 4) ^ (bits == 8 ? 128 : 0));
        put_half(from, column, group);
        if (kind == FALCON_RANGED) put_half(from + 2, column, group + 32);
        falcon_put_values(bits, kind, values, column, group);
    }
}

#define SHORT_BLOCKS(NAME, BITS, KIND)                                                                          \
    void falcon_pack_column_##NAME(                                                                             \
        const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {     \
        (void)type;                                                                                             \
        pack_short_blocks(BITS, KIND, source, depth, start, end, column, panel);                                       \
    }
SHORT_BLOCKS(q4_0, 4, FALCON_SCALED)
SHORT_BLOCKS(q4_1, 4, FALCON_RANGED)
SHORT_BLOCKS(q5_0, 5, FALCON_SCALED)
SHORT_BLOCKS(q5_1, 5, FALCON_RANGED)
SHORT_BLOCKS(q8_0, 8, FALCON_SCALED)
SHORT_BLOCKS(iq4_nl, 4, FALCON_SCALED)

// Q4_K: scale, minimum, 12 bytes with 8 scales and minimums of 6 bits, 128 bytes. Q5_K: a fifth bit of each value
// before those, bit g of byte i for value i of group g.
static void pack_ranged_block(int bits, const uint8_t *source, size_t block, size_t column, char *half) {
    const uint8_t *from = source + block * (bits == 5 ? 176 : 144), *sixes = from + 4, *high = from + 16;
    const uint8_t *low = bits == 5 ? from + 48 : from + 16;
    char *head = half + block * (size_t)FALCON_HALF_BYTES(bits, FALCON_RANGED_TWICE);
    put_half(from, column, head);
    put_half(from + 2, column, head + 32);
    char *group = head + FALCON_HEAD_BYTES(FALCON_RANGED_TWICE);
    for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(bits, FALCON_RANGED_TWICE)) {
        int n = g % 4;
        char *scales = group + column % FALCON_HALF_PANEL;
        scales[0] = (char)(g < 4 ? sixes[n] & 63 : (sixes[n + 8] & 15) | sixes[n] >> 6 << 4);
        scales[16] = (char)(g < 4 ? sixes[n + 4] & 63 : sixes[n + 8] >> 4 | sixes[n + 4] >> 6 << 4);
        uint8_t values[32];
        for (int i = 0; i < 32; i++) {
            values[i] = low[g / 2 * 32 + i] >> (g % 2 * 4) & 15;
            if (bits == 5) values[i] |= (uint8_t)((high[i] >> g & 1) << 4);
        }
        falcon_put_values(bits, FALCON_RANGED_TWICE, values, column, group);
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
        for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(6, FALCON_SCALED_TWICE)) {
            group[column % FALCON_HALF_PANEL] = (char)from[192 + 2 * g];
            group[16 + column % FALCON_HALF_PANEL] = (char)from[192 + 2 * g + 1];
            const uint8_t *low = from + g / 4 * 64 + g % 2 * 32, *high = from + 128 + g / 4 * 32;
            uint8_t values[32];
            for (int i = 0; i < 32; i++)
                values[i] = (uint8_t)((low[i] >> (g % 4 / 2 * 4) & 15) | (high[i] >> (g % 4 * 2) & 3) << 4);
            falcon_put_values(6, FALCON_SCALED_TWICE, values, column, group);
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
        for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(4, FALCON_SCALED_TWICE)) {
            for (int i = 0; i < 2; i++) {
                int n = 2 * g + i, low = n < 8 ? sixes[n] & 15 : sixes[n - 8] >> 4;
                int high = sixes[8 + n % 4] >> (n / 4 * 2) & 3;
                group[16 * i + column % FALCON_HALF_PANEL] = (char)((low | high << 4) - 32);
            }
            uint8_t values[32];
            for (int i = 0; i < 32; i++)
                values[i] = (uint8_t)((from[32 + g / 4 * 32 + i] >> (g % 4 * 2) & 3) | (from[i] >> g & 1) << 2);
            falcon_put_values(4, FALCON_SCALED_TWICE, values, column, group);
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
        for (int g = 0; g < 8; g++, group += FALCON_GROUP_BYTES(4, FALCON_SCALED_TWICE)) {
            int low = from[4 + g / 2] >> (g % 2 * 4) & 15, high = from[2 + g / 4] >> (g % 4 * 2) & 3;
            for (int i = 0; i < 2; i++) group[16 * i + column % FALCON_HALF_PANEL] = (char)((low | high << 4) - 32);
            uint8_t values[32];
            read_fours(from + 8 + 16 * g, values);
            falcon_put_values(4, FALCON_SCALED_TWICE, values, column, group);
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
        uint8_t values[32];
        read_fours(from + 1, values);
        falcon_put_values(4, FALCON_BRAIN_SCALED, values, column, group);
    }
}

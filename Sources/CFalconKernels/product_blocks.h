// How weights of few bits lie in a panel: what packing and the loops of all variants agree on.
#pragma once
#include "include/product.h"

// What groups of 32 values of the depth share, each for 16 columns. Blocks that share two levels of scales have 8
// groups behind one head.
enum {
    // [16] half-precision scales.
    FALCON_SCALED = 0,
    // [16] half-precision scales, [16] of such minimums.
    FALCON_RANGED = 1,
    // The same in bfloat16.
    FALCON_BRAIN_RANGED = 2,
    // [16] bfloat16 scales.
    FALCON_BRAIN_SCALED = 3,
    // Head: [16] half-precision scales, [16] of such minimums. A group: [16] bytes that multiply the scale, [16] that
    // multiply the minimum, which is subtracted.
    FALCON_RANGED_TWICE = 4,
    // Head: [16] half-precision scales. A group: [16] signed bytes that multiply the scale for its earlier 16 values,
    // [16] for its later ones.
    FALCON_SCALED_TWICE = 5
};

// Values of a group, columns of half a panel. One half lies behind the other, so that the sums of 8 rows stay in
// registers and memory is read from end to end.
enum { FALCON_SHORT_GROUP = 32, FALCON_HALF_PANEL = 16 };

// Behind a group's scales: [bits][16] words. Of word i of a column, i < 4, the low half of byte b is value 4 i + b, the
// high half value 16 + 4 i + b, each as far above its lowest value as it is. Higher bits come in words before those:
// of 5 bits one word (bit t of byte b belongs to value 4 t + b), of 6 two (bits 2 (t % 4) of byte b of word t / 4).
// 8 bits are 8 words, of word t byte b is value 4 t + b.
#define FALCON_GROUPS(KIND) ((KIND) >= FALCON_RANGED_TWICE ? 8 : 1)
#define FALCON_HEAD_BYTES(KIND) ((KIND) == FALCON_RANGED_TWICE ? 64 : (KIND) == FALCON_SCALED_TWICE ? 32 : 0)
#define FALCON_SCALE_BYTES(KIND) ((KIND) == FALCON_RANGED || (KIND) == FALCON_BRAIN_RANGED ? 64 : 32)
#define FALCON_GROUP_BYTES(BITS, KIND) (FALCON_SCALE_BYTES(KIND) + 64 * (BITS))
// Of all groups behind one head.
#define FALCON_HALF_BYTES(BITS, KIND) \
    (FALCON_HEAD_BYTES(KIND) + FALCON_GROUPS(KIND) * FALCON_GROUP_BYTES(BITS, KIND))

// A row's group: three numbers (what the sum begins with, the scale, and what the minimum multiplies or what the sum
// of the later 16 begins with), 8 quads of signed bytes.
enum { FALCON_ROW_WORDS = 3 + FALCON_SHORT_GROUP / 4 };

// What the 16 values of 4 bits stand for, where that is not themselves: bytes above the lowest one.
enum { FALCON_NO_TABLE = 0, FALCON_UNEVEN_TABLE = 1, FALCON_FLOAT_TABLE = 2 };
extern const uint8_t falcon_value_tables[3][16];

// The forms: name, bits, what groups share, how far values lie above what they are, the largest one, table. Written
// once; every variant makes its loops from it.
#define FALCON_BLOCK_FORMS(FORM)                                                      \
    FORM(q4_0, Q4_0, 4, FALCON_SCALED, 8, 15, FALCON_NO_TABLE)                        \
    FORM(q4_1, Q4_1, 4, FALCON_RANGED, 0, 15, FALCON_NO_TABLE)                        \
    FORM(q5_0, Q5_0, 5, FALCON_SCALED, 16, 31, FALCON_NO_TABLE)                       \
    FORM(q5_1, Q5_1, 5, FALCON_RANGED, 0, 31, FALCON_NO_TABLE)                        \
    FORM(q8_0, Q8_0, 8, FALCON_SCALED, 128, 255, FALCON_NO_TABLE)                     \
    FORM(q3_k, Q3_K, 4, FALCON_SCALED_TWICE, 4, 7, FALCON_NO_TABLE)                   \
    FORM(q4_k, Q4_K, 4, FALCON_RANGED_TWICE, 0, 15, FALCON_NO_TABLE)                  \
    FORM(q5_k, Q5_K, 5, FALCON_RANGED_TWICE, 0, 31, FALCON_NO_TABLE)                  \
    FORM(q6_k, Q6_K, 6, FALCON_SCALED_TWICE, 32, 63, FALCON_NO_TABLE)                 \
    FORM(iq4_nl, IQ4_NL, 4, FALCON_SCALED, 127, 240, FALCON_UNEVEN_TABLE)             \
    FORM(iq4_xs, IQ4_XS, 4, FALCON_SCALED_TWICE, 127, 240, FALCON_UNEVEN_TABLE)       \
    FORM(mxfp4, MXFP4, 4, FALCON_BRAIN_SCALED, 12, 24, FALCON_FLOAT_TABLE)            \
    FORM(int4, INT4, 4, FALCON_BRAIN_RANGED, 0, 15, FALCON_NO_TABLE)

#define DECLARE(NAME, CODE, BITS, KIND, ABOVE, MOST, TABLE)                                                   \
    void falcon_pack_column_##NAME(                                                                           \
        const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel);
FALCON_BLOCK_FORMS(DECLARE)
#undef DECLARE

// The half of a panel that holds a column.
char *falcon_half_panel(int bits, int kind, size_t depth, size_t column, void *panel);

// Puts 32 values of a column, each above its lowest, and a 16-bit number of it, where a group has them.
void falcon_put_values(int bits, int kind, const uint8_t values[32], size_t column, char *group);
void falcon_put_number(uint16_t bits, size_t column, char *line);

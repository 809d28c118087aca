// Products of inference: rows of activations by weights that were packed once. Every output is computed by one
// fixed sequence of operations, which does not depend on how many rows are computed beside it, on the processor's
// vector width, or on the number of threads (batch invariance).
#pragma once
#include <stddef.h>
#include <stdint.h>

// Element types of stored weights.
enum { FALCON_FLOAT32 = 0, FALCON_FLOAT16 = 1, FALCON_BFLOAT16 = 2 };

// Columns of a panel: the outputs that one step over the depth serves.
enum { FALCON_PANEL = 32 };

// How weights are packed, which says how they are multiplied. A matrix [columns, depth] becomes one panel behind the
// other, each padded with zeros to 32 columns:
enum {
    // [depth][32] float32. One chain of fused multiply-adds over the depth, with the rows as they are.
    FALCON_FLOAT32_PANELS = 0,
    // The same with bfloat16 weights, widened when they are read.
    FALCON_BFLOAT16_PANELS = 1,
    // [depth / 2][32] pairs of bfloat16, the earlier value low, with rows rounded to bfloat16. The chain takes of each
    // pair the later product first, as the dot products of AVX-512 do; numbers below the smallest normal one count as
    // zero.
    FALCON_PAIR_PANELS = 2,
    // For each 64 values of the depth: [32] float32 scales, [16][32] quads of bytes, 128 above the weight / scale.
    // Rows are rounded to 8 bits in the same groups. The sum of a group is exact; one chain of fused multiply-adds
    // over the groups, each with the product of its two scales.
    FALCON_QUAD_PANELS = 3,
    FALCON_PANEL_FORMS = 4
};

// Values of the depth that share a scale.
enum { FALCON_GROUP = 64 };

// Bytes of one panel, and of one packed row.
size_t falcon_panel_bytes(int form, size_t depth);
size_t falcon_row_bytes(int form, size_t depth);

// Packs panels `first ..< first + count`. `rows[c]` points to the `depth` stored values of column c (a row of the
// weight as it lies in its file, unaligned), all of `type`.
void falcon_pack_panels(
    int form, const void *const *rows, size_t columns, size_t depth, int type, size_t first, size_t count,
    void *panels);

typedef struct {
    // One of the forms above.
    int form;
    size_t rows, depth, columns;
    // From `pack_rows`, and from `falcon_pack_panels`.
    const void *packed_rows, *panels;
    // [columns], or null.
    const float *bias;
    // [rows, columns] = rows * panels + bias.
    float *out;
} falcon_product;

typedef struct {
    const char *name;
    // For each form: the most rows that are multiplied at once. Rows are cut into as few blocks as that allows, all
    // but the same size.
    size_t block_rows[FALCON_PANEL_FORMS];
    // Packs blocks `first ..< first + count` of x [rows, depth], interleaved block by block; `packed` is the start of
    // all blocks.
    void (*pack_rows)(
        int form, const float *x, size_t rows, size_t depth, size_t first, size_t count, void *packed);
    // The outputs of panels `first ..< first + count` for the rows of some of the blocks.
    void (*multiply)(
        const falcon_product *product, size_t first, size_t count, size_t first_block, size_t block_count);
    // Rounds `count` values, FALCON_GROUP at most, to whole multiples of a scale: their largest size / 127. Returns
    // the sum of the multiples.
    int (*quantize)(const float *x, size_t count, int8_t *quantized, float *scale);
    // The machine's limits: chains of the arithmetic of a form, in registers only. Returns the multiply-adds done;
    // `sink` keeps the work from being left out.
    double (*peak_arithmetic)(int form, size_t steps, float *sink);
    // Reading `count` values once.
    float (*peak_read)(const float *values, size_t count);
} falcon_product_kernels;

// The widest variant that this processor runs.
const falcon_product_kernels *falcon_products(void);

// Every variant that this processor runs, narrowest first, for tests. Returns how many were written (at most 4).
size_t falcon_product_variants(const falcon_product_kernels **variants);

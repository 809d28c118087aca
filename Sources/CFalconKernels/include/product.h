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
    // Blocks of GGUF files, and what is made like them: product_blocks.h says how they lie. Rows are rounded to 8 bits
    // in groups of 32.
    FALCON_Q4_0_PANELS = 4,
    FALCON_Q4_1_PANELS = 5,
    FALCON_Q5_0_PANELS = 6,
    FALCON_Q5_1_PANELS = 7,
    FALCON_Q8_0_PANELS = 8,
    FALCON_Q3_K_PANELS = 9,
    FALCON_Q4_K_PANELS = 10,
    FALCON_Q5_K_PANELS = 11,
    FALCON_Q6_K_PANELS = 12,
    FALCON_IQ4_NL_PANELS = 13,
    FALCON_IQ4_XS_PANELS = 14,
    FALCON_MXFP4_PANELS = 15,
    // Made of float32 or bfloat16 weights: 4 bits with a scale and a minimum for 32 values of the depth.
    FALCON_INT4_PANELS = 16,
    // [padded depth / 2][32] pairs as above, in the order of the tile registers of AMX: of each 16 pairs a chain of
    // the earlier products and one of the later ones, whose sum is added. The depth is padded to a multiple of 32.
    FALCON_TILE_PANELS = 17,
    FALCON_PANEL_FORMS = 18
};

// Values of the depth that share a scale in FALCON_QUAD_PANELS.
enum { FALCON_GROUP = 64 };

typedef struct {
    // One of the forms above.
    int form;
    size_t rows, depth, columns;
    // From `falcon_pack_rows`, and from `falcon_pack_panels`.
    const void *packed_rows, *panels;
    // [columns], or null.
    const float *bias;
    // out[r * stride + c] = (rows * panels)[r, c] + bias[c].
    float *out;
    size_t stride;
} falcon_product;

// One form as one variant computes it.
typedef struct {
    // Values of the depth that lie together, and the bytes of so many: of a panel, of a packed row. A depth is padded
    // to a multiple with zeros.
    size_t group, panel_bytes, row_bytes;
    // The most rows that are multiplied at once (rows are cut into as few blocks as that allows, all but the same
    // size), and the panels of the widest tile.
    size_t block_rows, tile_panels;
    // Writes values start ..< end of one stored row (unaligned) into a column of a panel. `start` is a multiple of
    // the group and of 64, `end` the next one or the depth.
    void (*pack_column)(
        const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel);
    // Interleaves the rows of one block.
    void (*pack_rows)(const float *x, size_t rows, size_t depth, void *packed);
    // The outputs of panels first ..< end for one block of rows, whose outputs begin at `out`. `ahead`: two halves of
    // a panel that will be read next; null where nothing is known.
    void (*multiply)(
        const falcon_product *product, const void *x, size_t rows, size_t first, size_t end,
        const char *const ahead[2], float *out);
    // The arithmetic of the form in registers alone, `steps` times. Returns the multiply-adds done; `sink` keeps the
    // work from being left out.
    double (*peak)(size_t steps, float *sink);
} falcon_panel_form;

typedef struct {
    const char *name;
    // [FALCON_PANEL_FORMS]
    const falcon_panel_form *forms;
    // Reading `count` values once.
    float (*peak_read)(const float *values, size_t count);
} falcon_product_kernels;

// The widest variant that this processor runs.
const falcon_product_kernels *falcon_products(void);

// Every variant that this processor runs, the fastest last, for tests. Returns how many were written.
enum { FALCON_PRODUCT_VARIANTS = 6 };
size_t falcon_product_variants(const falcon_product_kernels **variants);

// Whether products of bfloat16 values are best taken in the form of tiles (1) or of pairs (0) on this processor.
int falcon_prefers_tiles(void);

// Bytes of one panel, the same in every variant.
size_t falcon_panel_bytes(int form, size_t depth);

// Bytes of one packed row.
size_t falcon_row_bytes(const falcon_product_kernels *kernels, int form, size_t depth);

// Packs panels `first ..< first + count`. `rows[c]` points to the `depth` stored values of column c (a row of the
// weight as it lies in its file, unaligned), all of `type`.
void falcon_pack_panels(
    const falcon_product_kernels *kernels, int form, const void *const *rows, size_t columns, size_t depth, int type,
    size_t first, size_t count, void *panels);

// How many blocks so many rows are cut into.
size_t falcon_row_blocks(const falcon_product_kernels *kernels, int form, size_t rows);

// Packs blocks `first ..< first + count` of x [rows, depth]; `packed` is the start of all blocks.
void falcon_pack_rows(
    const falcon_product_kernels *kernels, int form, const float *x, size_t rows, size_t depth, size_t first,
    size_t count, void *packed);

// The outputs of panels `first ..< first + count` for the rows of some of the blocks.
void falcon_multiply_panels(
    const falcon_product_kernels *kernels, const falcon_product *product, size_t first, size_t count,
    size_t first_block, size_t block_count);

// Inference loops: every result of a row is computed by a fixed sequence of operations that does not depend on how
// many rows are computed beside it, on the processor's vector width, or on the number of threads (batch invariance).
//
// One output of a product is one chain of fused multiply-adds over the depth, from first to last. Sums over a row
// (norms, softmax) use 16 lanes by index and one fixed tree at the end, on every processor.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Element types of stored and packed weights.
enum { FALCON_FLOAT32 = 0, FALCON_FLOAT16 = 1, FALCON_BFLOAT16 = 2 };

// Columns of a panel: a packed matrix [columns, depth] is stored as [columns / 32][depth][32], padded with zeros.
enum { FALCON_PANEL = 32 };

// Packs panels `first ..< first + count`. `rows[c]` points to the `depth` stored values of column c (a row of the
// weight as it lies in its file, unaligned), all of `sourceType`. A panel is float32 or bfloat16.
void falcon_pack_panels(
    const void *const *rows, size_t columns, size_t depth, int sourceType, size_t first, size_t count, void *panels,
    int panelType);

typedef struct {
    const char *name;
    // Rows of one block; `pack_rows` and `multiply` agree on the split of `rows` into blocks.
    size_t maximum_block;
    // Interleaves x [rows, depth] block by block as [depth][rows of the block], `rows * depth` values in all.
    void (*pack_rows)(const float *x, size_t rows, size_t depth, float *packed);
    // out[r, c] = bias[c] + sum over k of x[r, k] * w[c, k] for the columns of panels `first ..< first + count`.
    // `bias` may be null. `out` has `columns` values a row.
    void (*multiply)(
        const float *packed, size_t rows, size_t depth, const void *panels, int panelType, size_t first, size_t count,
        size_t columns, const float *bias, float *out);
    // out[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight, `width` values a row.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t rows, size_t width, float *out);
    // out[r, i] = silu(x[r, i]) * x[r, width + i]: gate and up side by side, 2 * width values a row.
    void (*gated_unit)(const float *x, size_t rows, size_t width, float *out);
    // Attention of one head's query over keys kept as [size][capacity] and values kept as [capacity][size]: the
    // first `prefix` slots and then the slots in `extra`, in this order. `scores` holds capacity + 16 values of
    // scratch, twice. `slots`: how many slots of the cache hold keys at all.
    void (*attend)(
        const float *query, const float *keys, const float *values, size_t size, size_t capacity, size_t slots,
        size_t prefix, const int32_t *extra, size_t extraCount, float scale, float *scores, float *out);
    // The machine's limits: 10 chains of fused multiply-adds on 16 lanes, `steps` times; and reading `count` values
    // once. What they return only keeps the work from being left out.
    float (*peak_arithmetic)(size_t steps);
    float (*peak_read)(const float *values, size_t count);
} falcon_inference_kernels;

// The widest variant that this processor runs.
const falcon_inference_kernels *falcon_inference(void);

// Every variant that this processor runs, narrowest first, for tests. Returns how many were written (at most 3).
size_t falcon_inference_variants(const falcon_inference_kernels **variants);

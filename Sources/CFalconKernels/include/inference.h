// Inference loops: every result of a row is computed by a fixed sequence of operations that does not depend on how
// many rows are computed beside it, on the processor's vector width, or on the number of threads (batch invariance).
//
// Sums over a row (norms, softmax) use 16 lanes by index and one fixed tree at the end, on every processor.
#pragma once
#include <stddef.h>
#include <stdint.h>

// Queries that are computed together, and so share each pass over keys and values.
enum { FALCON_ATTENTION_BLOCK = 16 };

// What a row sees: the first `prefix` slots, then those that stand in a list from `extra_start` on, in this order; of
// these `prefix + extra_count` the first `hidden`, fewer than all, are outside its window.
typedef struct {
    int32_t prefix, extra_start, extra_count, hidden;
} falcon_visible;

// Attention of rows with one key-value head and the `group` query heads that share it.
typedef struct {
    // The first of these heads in the first row; a row's heads lie side by side.
    const float *queries;
    size_t query_stride, group, size;
    // Keys [slots / 64][size][64], values [slots][value_width], of which `size` count; slots that hold something.
    const float *keys, *values;
    size_t value_width, slots;
    const falcon_visible *visible;
    const int32_t *extra;
    float scale;
    float *out;
    size_t out_stride;
} falcon_attention;

// Rows of queries, keys and values side by side, on their way into a cache: queries and keys are normalised and turned
// in place, then keys and values copied to the slots from `slot` on.
typedef struct {
    float *rows;
    size_t stride, heads, key_value_heads, size;
    // Null where there is none. Cosines and sines: [rows, size / 2].
    const float *query_norm, *key_norm, *cosines, *sines;
    float epsilon;
    // [key_value_heads][capacity / 64][size][64] and [key_value_heads][capacity][value_width].
    float *keys, *values;
    size_t capacity, value_width, slot;
} falcon_placement;

typedef struct {
    const char *name;
    // out[r] = x[r] / sqrt(mean(x[r]^2) + epsilon) * weight, `width` values a row.
    void (*rms_norm)(const float *x, const float *weight, float epsilon, size_t rows, size_t width, float *out);
    // sum = x + addend, which may be one of the two, and out = the norm of it.
    void (*add_rms_norm)(
        const float *x, const float *addend, const float *weight, float epsilon, size_t rows, size_t width,
        float *sum, float *out);
    // out[r, i] = silu(x[r, i]) * x[r, width + i]: gate and up side by side, 2 * width values a row.
    void (*gated_unit)(const float *x, size_t rows, size_t width, float *out);
    // The same with gelu, by its tangent, in place of silu.
    void (*gelu_unit)(const float *x, size_t rows, size_t width, float *out);
    // Turns the heads of one row in place, `half` pairs of dimensions each; backwards where `sign` is -1.
    void (*rotate)(
        float *row, size_t heads, size_t half, const float *cosines, const float *sines, float sign);
    // Makes rows `first ..< first + count` ready for attention.
    void (*place)(const falcon_placement *placement, size_t first, size_t count);
    // Queries `first ..< first + count`, of which number n is head n % group of row n / group. `scratch` holds
    // FALCON_ATTENTION_BLOCK times the slots, rounded up to 64, and the longest list of extra slots behind.
    void (*attend)(const falcon_attention *attention, size_t first, size_t count, float *scratch);
    // out[x, r] = row r of a table times x, `width` values each: each a sum by itself.
    void (*multiply_rows)(
        const float *table, size_t rows, const float *x, size_t x_rows, size_t width, float *out);
} falcon_inference_kernels;

// The widest variant that this processor runs.
const falcon_inference_kernels *falcon_inference(void);

// Every variant that this processor runs, narrowest first, for tests. Returns how many were written (at most 3).
size_t falcon_inference_variants(const falcon_inference_kernels **variants);

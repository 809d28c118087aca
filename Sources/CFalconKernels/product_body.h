// The loops of inference products, once. Each variant file sets VARIANT(name), the tiles of each form (rows, panels)
// that its registers hold, and the processor's features, and includes this.
#include "include/product.h"
#include <string.h>

#include "inference_vectors.h"

// The dot products of AVX-512 take and give 0 for numbers below the smallest normal one, whatever the mode. So that
// all variants give the same bits, everything about pairs is computed in that mode.
INLINE unsigned VARIANT(flush_subnormals)(void) {
#if defined(__x86_64__)
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040);
    return mode;
#else
    return 0;
#endif
}

INLINE void VARIANT(restore)(unsigned mode) {
#if defined(__x86_64__)
    _mm_setcsr(mode);
#else
    (void)mode;
#endif
}

// Loops over the depth are long and their bodies wide: copies of them would only make a megabyte of code.
#define NO_UNROLL _Pragma("clang loop unroll(disable)")

// Rows of block `index` begin here: blocks of a product differ by one row at most.
INLINE size_t VARIANT(block_start)(size_t rows, size_t blocks, size_t index) { return rows * index / blocks; }

// The lanes that lie inside the matrix. Not inlined: once for each vector of a tile it would be most of the code.
static __attribute__((noinline)) void VARIANT(put_edge)(
    const falcon_product *product, float *out, size_t column, const float *values) {
    for (size_t c = column; c < product->columns; c++)
        out[c] = product->bias ? values[c - column] + product->bias[c] : values[c - column];
}

// One output of each lane: adds the bias and stores what lies inside the matrix.
INLINE void VARIANT(put)(const falcon_product *product, float *out, size_t column, lanes value) {
    if (column + 16 <= product->columns) {
        VARIANT(store)(out + column, product->bias ? value + VARIANT(load)(product->bias + column) : value);
    } else if (column < product->columns) {
        float values[16];
        VARIANT(store)(values, value);
        VARIANT(put_edge)(product, out, column, values);
    }
}

#include "product_float32_body.h"
#include "product_pairs_body.h"
#include "product_quads_body.h"

static const size_t VARIANT(block_limits)[FALCON_PANEL_FORMS] = {
    FLOAT32_ROWS, FLOAT32_ROWS, PAIR_ROWS, QUAD_ROWS};

INLINE size_t VARIANT(blocks)(int form, size_t rows) {
    return (rows + VARIANT(block_limits)[form] - 1) / VARIANT(block_limits)[form];
}

static void VARIANT(pack_rows)(
    int form, const float *x, size_t rows, size_t depth, size_t first, size_t count, void *packed) {
    size_t blocks = VARIANT(blocks)(form, rows), bytes = falcon_row_bytes(form, depth);
    for (size_t index = first; index < first + count; index++) {
        size_t start = VARIANT(block_start)(rows, blocks, index);
        size_t size = VARIANT(block_start)(rows, blocks, index + 1) - start;
        void *target = (char *)packed + start * bytes;
        if (form == FALCON_PAIR_PANELS)
            VARIANT(pack_pairs)(x + start * depth, size, depth, target);
        else if (form == FALCON_QUAD_PANELS)
            VARIANT(pack_quads)(x + start * depth, size, depth, target);
        else
            VARIANT(pack_values)(x + start * depth, size, depth, target);
    }
}

// Panels are taken in groups that stay in the second-level cache while all blocks of rows pass over them.
static void VARIANT(multiply)(
    const falcon_product *product, size_t first, size_t count, size_t first_block, size_t block_count) {
    size_t blocks = VARIANT(blocks)(product->form, product->rows);
    size_t row_bytes = falcon_row_bytes(product->form, product->depth);
    size_t panel_bytes = falcon_panel_bytes(product->form, product->depth);
    size_t panel_count = (product->columns + FALCON_PANEL - 1) / FALCON_PANEL;
    // A few blocks of pairs take one panel at a time, and fetch the next one meanwhile, the first two of them half of
    // it each: memory works while they compute. (8 bits were slower so: there memory has enough time anyway.)
    int fetches = product->form == FALCON_PAIR_PANELS && block_count <= 4 && product->rows > 3;
    size_t group = fetches ? 1 : block_count == 1 ? count : 262144 / panel_bytes;
    if (group < 1) group = 1;
    for (size_t panel = first; panel < first + count; panel += group) {
        size_t end = panel + group < first + count ? panel + group : first + count;
        for (size_t index = first_block; index < first_block + block_count; index++) {
            size_t start = VARIANT(block_start)(product->rows, blocks, index);
            size_t size = VARIANT(block_start)(product->rows, blocks, index + 1) - start;
            const void *x = (const char *)product->packed_rows + start * row_bytes;
            float *out = product->out + start * product->columns;
            const char *ahead[2] = {0, 0};
            if (fetches && end < panel_count && index < first_block + 2) {
                const char *next = (const char *)product->panels + end * panel_bytes;
                ahead[0] = index == first_block ? next : next + panel_bytes / 2;
                ahead[1] = block_count == 1 ? next + panel_bytes / 2 : ahead[0];
            }
            if (product->form == FALCON_PAIR_PANELS) {
                unsigned mode = VARIANT(flush_subnormals)();
                VARIANT(multiply_pairs)(product, x, size, panel, end, ahead, out);
                VARIANT(restore)(mode);
            } else if (product->form == FALCON_QUAD_PANELS) {
                VARIANT(multiply_quads)(product, x, size, panel, end, out);
            } else {
                VARIANT(multiply_values)(product, x, size, panel, end, out);
            }
        }
    }
}

static float VARIANT(peak_read)(const float *values, size_t count) {
    lanes part[4] = {0};
    for (size_t i = 0; i + 64 <= count; i += 64)
        UNROLL for (size_t v = 0; v < 4; v++) part[v] += VARIANT(load)(values + i + 16 * v);
    return VARIANT(sum)((part[0] + part[1]) + (part[2] + part[3]));
}

static double VARIANT(peak_arithmetic)(int form, size_t steps, float *sink) {
    lanes chain[12];
    UNROLL for (int i = 0; i < 12; i++) chain[i] = (lanes)(float)i;
    if (form == FALCON_PAIR_PANELS) {
        words w = (words)0x3f803f80u, x = (words)(uint32_t)steps;
        for (size_t step = 0; step < steps; step++)
            UNROLL for (int i = 0; i < 12; i++) chain[i] = VARIANT(dot_pairs)(chain[i], w, x);
    } else if (form == FALCON_QUAD_PANELS) {
        integers exact[12];
        words w = (words)0x01020304u, x = (words)(uint32_t)steps;
        UNROLL for (int i = 0; i < 12; i++) exact[i] = (integers)i;
        for (size_t step = 0; step < steps; step++)
            UNROLL for (int i = 0; i < 12; i++) exact[i] = VARIANT(dot_quads)(exact[i], w, x);
        UNROLL for (int i = 0; i < 12; i++) chain[i] = __builtin_convertvector(exact[i], lanes);
    } else {
        for (size_t step = 0; step < steps; step++)
            UNROLL for (int i = 0; i < 12; i++)
                chain[i] = __builtin_elementwise_fma(chain[i], (lanes)0.999f, (lanes)0.001f);
    }
    lanes total = (lanes)0.0f;
    UNROLL for (int i = 0; i < 12; i++) total += chain[i];
    *sink = VARIANT(sum)(total);
    return (double)steps * 12 * 16 * (form == FALCON_QUAD_PANELS ? 4 : form == FALCON_PAIR_PANELS ? 2 : 1);
}

const falcon_product_kernels VARIANT(products) = {
    VARIANT_NAME, {FLOAT32_ROWS, FLOAT32_ROWS, PAIR_ROWS, QUAD_ROWS}, VARIANT(pack_rows), VARIANT(multiply),
    VARIANT(quantize), VARIANT(peak_arithmetic), VARIANT(peak_read),
};

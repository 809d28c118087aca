// The loops of inference products, once. Each variant file sets VARIANT(name), the tiles of each form (rows, panels)
// that its registers hold, and the processor's features, and includes this.
#include "include/product.h"
#include "product_blocks.h"
#include <string.h>

#include "inference_vectors.h"

// Loops over the depth are long and their bodies wide: copies of them would only make a megabyte of code.
#define NO_UNROLL _Pragma("clang loop unroll(disable)")

// How far ahead of a tile its weights are fetched: what a processor fetches by itself comes late where a row's
// arithmetic on few bytes keeps it from seeing the next reads. (Panels follow each other, and fetching beyond the last
// one reads nothing.)
enum { VARIANT(ahead) = 8192 };
#define AHEAD VARIANT(ahead)

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

// The bits of a stored float32 or bfloat16 value as a float32.
INLINE uint32_t VARIANT(value_bits)(const void *source, int type, size_t k) {
    uint32_t bits;
    uint16_t half;
    if (type == FALCON_FLOAT32) {
        memcpy(&bits, (const char *)source + 4 * k, 4);
        return bits;
    }
    memcpy(&half, (const char *)source + 2 * k, 2);
    return (uint32_t)half << 16;
}

// bfloat16, rounded to nearest even; NaN stays NaN.
INLINE uint32_t VARIANT(rounded_bits)(uint32_t bits) {
    if ((bits & 0x7fffffff) > 0x7f800000) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// What `peak` does: 12 chains of 16 lanes.
#define PEAK(CHAIN, START, FACTORS, STEP, VALUES)                               \
    CHAIN chain[12];                                                            \
    FACTORS;                                                                    \
    UNROLL for (int i = 0; i < 12; i++) chain[i] = START;                       \
    for (size_t step = 0; step < steps; step++)                                 \
        UNROLL for (int i = 0; i < 12; i++) chain[i] = STEP;                    \
    lanes total = (lanes)0.0f;                                                  \
    UNROLL for (int i = 0; i < 12; i++) total += __builtin_convertvector(chain[i], lanes); \
    *sink = VARIANT(sum)(total);                                                \
    return (double)steps * 12 * 16 * VALUES;

#include "product_float32_body.h"
#include "product_pairs_body.h"
#ifdef HAS_DOT_PRODUCTS
#include "product_split_pairs_body.h"
#endif
#include "product_tile_pairs_body.h"
#include "product_quads_body.h"
#include "product_blocks_body.h"

static float VARIANT(peak_read)(const float *values, size_t count) {
    lanes part[4] = {0};
    for (size_t i = 0; i + 64 <= count; i += 64)
        UNROLL for (size_t v = 0; v < 4; v++) part[v] += VARIANT(load)(values + i + 16 * v);
    return VARIANT(sum)((part[0] + part[1]) + (part[2] + part[3]));
}

// One row a form.
#define FORMS(PAIRS, TILES)                                 \
    {                                                       \
        [FALCON_FLOAT32_PANELS] = VALUE_FORM(float32, 4),   \
        [FALCON_BFLOAT16_PANELS] = VALUE_FORM(bfloat16, 2), \
        [FALCON_PAIR_PANELS] = PAIRS,                       \
        [FALCON_TILE_PANELS] = TILES,                       \
        [FALCON_QUAD_PANELS] = QUAD_FORM,                   \
        FALCON_BLOCK_FORMS(BLOCK_FORM)                      \
    }
static const falcon_panel_form VARIANT(forms)[FALCON_PANEL_FORMS] =
    FORMS(PAIR_FORM, TILE_PAIR_FORM(VARIANT(multiply_tile_pairs), VARIANT(peak_pairs)));

const falcon_product_kernels VARIANT(products) = {VARIANT_NAME, VARIANT(forms), VARIANT(peak_read)};

#ifdef HAS_DOT_PRODUCTS
static const falcon_panel_form VARIANT(split_forms)[FALCON_PANEL_FORMS] =
    FORMS(SPLIT_PAIR_FORM, TILE_PAIR_FORM(VARIANT(multiply_tile_pairs), VARIANT(peak_pairs)));

const falcon_product_kernels VARIANT(split_products) = {
    VARIANT_NAME " but for pairs", VARIANT(split_forms), VARIANT(peak_read)};

static const falcon_panel_form VARIANT(tile_forms)[FALCON_PANEL_FORMS] =
    FORMS(SPLIT_PAIR_FORM, TILE_PAIR_FORM(falcon_multiply_tiles, falcon_peak_tiles));

const falcon_product_kernels VARIANT(tile_products) = {"amx", VARIANT(tile_forms), VARIANT(peak_read)};
#endif

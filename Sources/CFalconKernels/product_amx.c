// Products of bfloat16 pairs in the tile registers of Intel's AMX: 16 rows by 16 outputs by 16 pairs of the depth in
// one instruction, ten times what vectors do. product_tile_pairs_body.h says in which order.
#if defined(__x86_64__)
#include "product_amx.h"
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,amx-tile,amx-bf16"))), apply_to = function)

enum {
    SIDE = 16,
    GROUP_WORDS = SIDE * FALCON_PANEL,
    // How far ahead of its use a panel is fetched.
    AHEAD_WORDS = 8 * GROUP_WORDS
};

// What `_tile_loadconfig` reads: how many rows each tile has, and how many bytes a row.
typedef struct {
    uint8_t palette, first_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

// Sums are tiles 0 to 3, rows 4 and 5, weights 6 and 7.
static void shape_tiles(size_t upper, size_t lower) {
    tile_shapes shapes = {.palette = 1};
    for (size_t tile = 0; tile < 8; tile++) shapes.row_bytes[tile] = 64;
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = (uint8_t)upper;
    shapes.rows[2] = shapes.rows[3] = shapes.rows[5] = (uint8_t)lower;
    shapes.rows[6] = shapes.rows[7] = SIDE;
    _tile_loadconfig(&shapes);
}

// One row's 32 outputs: adds the bias and keeps what lies inside the matrix.
static void put(const falcon_product *product, const float *sums, size_t column, float *out) {
    const size_t left = product->columns - column, count = left < FALCON_PANEL ? left : FALCON_PANEL;
    for (size_t c = 0; c < count; c++)
        out[column + c] = product->bias ? sums[c] + product->bias[column + c] : sums[c];
}

// All rows by one panel; `has_lower`, whether there are more than 16, is a constant where this is called.
static inline __attribute__((always_inline)) void multiply_panel(
    const falcon_product *product, const uint32_t *x, size_t rows, size_t panel, float *out, int has_lower
) {
    const size_t groups = (product->depth + 2 * SIDE - 1) / (2 * SIDE);
    const uint32_t *weight = (const uint32_t *)product->panels + panel * groups * GROUP_WORDS;
    _tile_zero(0);
    _tile_zero(1);
    if (has_lower) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t group = 0; group < groups; group++, weight += GROUP_WORDS, x += SIDE * rows) {
        for (size_t word = 0; word < GROUP_WORDS; word += 16)
            _mm_prefetch((const char *)(weight + AHEAD_WORDS + word), _MM_HINT_T1);
        _tile_loadd(4, x, 64);
        _tile_loadd(6, weight, 4 * FALCON_PANEL);
        _tile_loadd(7, weight + SIDE, 4 * FALCON_PANEL);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (has_lower) {
            _tile_loadd(5, x + SIDE * SIDE, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    const size_t column = panel * FALCON_PANEL;
    const int is_whole = column + FALCON_PANEL <= product->columns && !product->bias;
    float sums[2 * SIDE * FALCON_PANEL] __attribute__((aligned(64)));
    float *target = is_whole ? out + column : sums;
    const size_t stride = is_whole ? product->stride : FALCON_PANEL;
    _tile_stored(0, target, 4 * stride);
    _tile_stored(1, target + SIDE, 4 * stride);
    if (has_lower) {
        _tile_stored(2, target + SIDE * stride, 4 * stride);
        _tile_stored(3, target + SIDE * stride + SIDE, 4 * stride);
    }
    if (is_whole) return;
    for (size_t row = 0; row < rows; row++)
        put(product, sums + row * FALCON_PANEL, column, out + row * product->stride);
}

void falcon_multiply_tiles(
    const falcon_product *product, const void *x, size_t rows, size_t first, size_t end, const char *const ahead[2],
    float *out) {
    (void)ahead;
    const int has_lower = rows > SIDE;
    // Tiles take numbers below the smallest normal one as zero; so is the bias added.
    const unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040);
    shape_tiles(has_lower ? SIDE : rows, has_lower ? rows - SIDE : SIDE);
    if (has_lower)
        for (size_t panel = first; panel < end; panel++) multiply_panel(product, x, rows, panel, out, 1);
    else
        for (size_t panel = first; panel < end; panel++) multiply_panel(product, x, rows, panel, out, 0);
    _tile_release();
    _mm_setcsr(mode);
}

double falcon_peak_tiles(size_t steps, float *sink) {
    shape_tiles(SIDE, SIDE);
    const uint16_t one = 0x3f80;
    uint16_t ones[SIDE * 2 * SIDE];
    for (size_t i = 0; i < SIDE * 2 * SIDE; i++) ones[i] = one;
    _tile_zero(0);
    _tile_zero(1);
    _tile_zero(2);
    _tile_zero(3);
    _tile_loadd(4, ones, 64);
    _tile_loadd(5, ones, 64);
    _tile_loadd(6, ones, 64);
    _tile_loadd(7, ones, 64);
    for (size_t step = 0; step < steps; step++) {
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        _tile_dpbf16ps(2, 5, 6);
        _tile_dpbf16ps(3, 5, 7);
    }
    float sums[SIDE * SIDE];
    _tile_stored(0, sums, 64);
    *sink = sums[0];
    _tile_stored(3, sums, 64);
    *sink += sums[0];
    _tile_release();
    return (double)steps * 4 * SIDE * SIDE * 2 * SIDE;
}
#pragma clang attribute pop
#endif

// Products of bfloat16 pairs in the tile registers of Intel's AMX: 16 rows by 16 outputs by 16 pairs of the depth in
// one instruction, ten times what vectors do. product_tile_pairs_body.h says in which order.
#if defined(__x86_64__)
#include "product_amx.h"
#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,amx-tile,amx-bf16"))), apply_to = function)
#include "tile_shapes.h"

enum {
    GROUP_WORDS = TILE_SIDE * FALCON_PANEL,
    // How far ahead of its use a panel is fetched.
    AHEAD_WORDS = 8 * GROUP_WORDS
};

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
    const size_t groups = (product->depth + 2 * TILE_SIDE - 1) / (2 * TILE_SIDE);
    const uint32_t *weight = (const uint32_t *)product->panels + panel * groups * GROUP_WORDS;
    _tile_zero(0);
    _tile_zero(1);
    if (has_lower) {
        _tile_zero(2);
        _tile_zero(3);
    }
    for (size_t group = 0; group < groups; group++, weight += GROUP_WORDS, x += TILE_SIDE * rows) {
        for (size_t word = 0; word < GROUP_WORDS; word += 16)
            _mm_prefetch((const char *)(weight + AHEAD_WORDS + word), _MM_HINT_T1);
        _tile_loadd(4, x, 64);
        _tile_loadd(6, weight, 4 * FALCON_PANEL);
        _tile_loadd(7, weight + TILE_SIDE, 4 * FALCON_PANEL);
        _tile_dpbf16ps(0, 4, 6);
        _tile_dpbf16ps(1, 4, 7);
        if (has_lower) {
            _tile_loadd(5, x + TILE_SIDE * TILE_SIDE, 64);
            _tile_dpbf16ps(2, 5, 6);
            _tile_dpbf16ps(3, 5, 7);
        }
    }
    const size_t column = panel * FALCON_PANEL;
    const int is_whole = column + FALCON_PANEL <= product->columns && !product->bias;
    float sums[2 * TILE_SIDE * FALCON_PANEL] __attribute__((aligned(64)));
    float *target = is_whole ? out + column : sums;
    const size_t stride = is_whole ? product->stride : FALCON_PANEL;
    _tile_stored(0, target, 4 * stride);
    _tile_stored(1, target + TILE_SIDE, 4 * stride);
    if (has_lower) {
        _tile_stored(2, target + TILE_SIDE * stride, 4 * stride);
        _tile_stored(3, target + TILE_SIDE * stride + TILE_SIDE, 4 * stride);
    }
    if (is_whole) return;
    for (size_t row = 0; row < rows; row++)
        put(product, sums + row * FALCON_PANEL, column, out + row * product->stride);
}

void falcon_multiply_tiles(
    const falcon_product *product, const void *x, size_t rows, size_t first, size_t end, const char *const ahead[2],
    float *out) {
    (void)ahead;
    const int has_lower = rows > TILE_SIDE;
    // Tiles take numbers below the smallest normal one as zero; so is the bias added.
    const unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040);
    shape_tiles(has_lower ? TILE_SIDE : rows, has_lower ? rows - TILE_SIDE : TILE_SIDE);
    if (has_lower)
        for (size_t panel = first; panel < end; panel++) multiply_panel(product, x, rows, panel, out, 1);
    else
        for (size_t panel = first; panel < end; panel++) multiply_panel(product, x, rows, panel, out, 0);
    _tile_release();
    _mm_setcsr(mode);
}

double falcon_peak_tiles(size_t steps, float *sink) {
    shape_tiles(TILE_SIDE, TILE_SIDE);
    const uint16_t one = 0x3f80;
    uint16_t ones[TILE_SIDE * 2 * TILE_SIDE];
    for (size_t i = 0; i < TILE_SIDE * 2 * TILE_SIDE; i++) ones[i] = one;
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
    float sums[TILE_SIDE * TILE_SIDE];
    _tile_stored(0, sums, 64);
    *sink = sums[0];
    _tile_stored(3, sums, 64);
    *sink += sums[0];
    _tile_release();
    return (double)steps * 4 * TILE_SIDE * TILE_SIDE * 2 * TILE_SIDE;
}
#pragma clang attribute pop
#endif

// Products of bfloat16 values in the tile registers of Intel's AMX, for training. Included by a variant file through
// training_body.h in place of training_product_body.h, whose layouts it reads.
//
// A tile holds 16 rows of 64 bytes: 16 pairs of the depth of 16 left rows, 16 pairs of 16 columns of a panel, or 16 x
// 16 sums. One instruction takes 16 pairs of each sum's depth: sum += (earlier products) + (later products), each a
// chain of fused multiply-adds that starts at zero; numbers below the smallest normal one count as zero.

#include "tile_shapes.h"

// Two tiles of rows by two of columns: each loaded tile serves two instructions.
#define PRODUCT_ROWS (2 * TILE_SIDE)

// Adds 16 pairs to the sums of 32 columns; `has_lower` is a constant where this is called.
static inline __attribute__((always_inline)) void add_tiles(
    const uint32_t *left, size_t left_stride, const uint32_t *panel, int has_lower
) {
    _tile_loadd(4, left, left_stride * sizeof(uint32_t));
    _tile_loadd(6, panel, PANEL * sizeof(uint32_t));
    _tile_loadd(7, panel + TILE_SIDE, PANEL * sizeof(uint32_t));
    _tile_dpbf16ps(0, 4, 6);
    _tile_dpbf16ps(1, 4, 7);
    if (!has_lower) return;
    _tile_loadd(5, left + TILE_SIDE * left_stride, left_stride * sizeof(uint32_t));
    _tile_dpbf16ps(2, 5, 6);
    _tile_dpbf16ps(3, 5, 7);
}

static inline __attribute__((always_inline)) void store_tiles(float *sums, size_t stride, int has_lower) {
    _tile_stored(0, sums, stride * sizeof(float));
    _tile_stored(1, sums + TILE_SIDE, stride * sizeof(float));
    if (!has_lower) return;
    _tile_stored(2, sums + TILE_SIDE * stride, stride * sizeof(float));
    _tile_stored(3, sums + TILE_SIDE * stride + TILE_SIDE, stride * sizeof(float));
}

// At most 32 rows times 32 columns of a panel. `left_rest` and `panel_rest` hold the pairs behind the last 16, with
// zeros behind them.
static inline __attribute__((always_inline)) void multiply_tiles(
    const uint32_t *left, const uint32_t *left_rest, size_t rows, const uint32_t *panel, const uint32_t *panel_rest,
    size_t pairs, float *result, size_t stride, size_t columns, float keeping, int has_lower
) {
    _tile_zero(0);
    _tile_zero(1);
    if (has_lower) {
        _tile_zero(2);
        _tile_zero(3);
    }
    size_t pair = 0;
    for (; pair + TILE_SIDE <= pairs; pair += TILE_SIDE)
        add_tiles(left + pair, pairs, panel + pair * PANEL, has_lower);
    if (pair < pairs) add_tiles(left_rest, TILE_SIDE, panel_rest, has_lower);
    if (keeping == 0 && columns >= 2 * TILE_SIDE) {
        store_tiles(result, stride, has_lower);
        return;
    }
    float sums[PRODUCT_ROWS * 2 * TILE_SIDE] __attribute__((aligned(64)));
    store_tiles(sums, 2 * TILE_SIDE, has_lower);
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < 2 * TILE_SIDE && column < columns; column += LANES) {
            float *target = result + row * stride + column;
            const size_t count = columns - column < LANES ? columns - column : LANES;
            floats sum = load(sums + row * 2 * TILE_SIDE + column);
            if (keeping != 0) sum += keeping * get(target, count);
            put(target, count, sum);
        }
}

// result[rows, columns] = keeping * result + left * panel.
static void multiply_pairs(
    const uint32_t *left, size_t rows, const uint32_t *panel, size_t pairs, float *result, size_t stride,
    size_t columns, float keeping
) {
    uint32_t left_rest[PRODUCT_ROWS * TILE_SIDE] __attribute__((aligned(64)));
    uint32_t panel_rest[TILE_SIDE * PANEL] __attribute__((aligned(64)));
    const size_t whole = pairs / TILE_SIDE * TILE_SIDE, rest = pairs - whole;
    if (rest) {
        memset(left_rest, 0, sizeof left_rest);
        memset(panel_rest, 0, sizeof panel_rest);
        memcpy(panel_rest, panel + whole * PANEL, rest * PANEL * sizeof(uint32_t));
    }
    size_t shaped = 0;
    for (size_t row = 0; row < rows; row += PRODUCT_ROWS, left += PRODUCT_ROWS * pairs) {
        const size_t count = rows - row < PRODUCT_ROWS ? rows - row : PRODUCT_ROWS;
        if (count != shaped) {
            shape_tiles(count < TILE_SIDE ? count : TILE_SIDE, count > TILE_SIDE ? count - TILE_SIDE : TILE_SIDE);
            shaped = count;
        }
        if (rest)
            for (size_t r = 0; r < count; r++)
                memcpy(left_rest + r * TILE_SIDE, left + r * pairs + whole, rest * sizeof(uint32_t));
        for (size_t column = 0; column < columns; column += 2 * TILE_SIDE) {
            float *target = result + row * stride + column;
#define TILES(has_lower)                                                                                         \
    multiply_tiles(                                                                                              \
        left, left_rest, count, panel + column, panel_rest + column, pairs, target, stride, columns - column,     \
        keeping, has_lower)
            if (count > TILE_SIDE)
                TILES(1);
            else
                TILES(0);
#undef TILES
        }
    }
    _tile_release();
}

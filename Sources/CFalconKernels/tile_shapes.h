// How the tile registers of Intel's AMX are laid out for products of 32 rows by 32 columns: sums are tiles 0 to 3, left
// rows 4 and 5, columns 6 and 7. Included inside a region of functions compiled for AMX.
#pragma once

enum { TILE_SIDE = 16 };

// What `_tile_loadconfig` reads: how many rows each tile has, and how many bytes a row.
typedef struct {
    uint8_t palette, first_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} tile_shapes;

// For so many rows in the upper and the lower tiles, 1 to 16 each.
static void shape_tiles(size_t upper, size_t lower) {
    tile_shapes shapes = {.palette = 1};
    for (size_t tile = 0; tile < 8; tile++) shapes.row_bytes[tile] = 64;
    shapes.rows[0] = shapes.rows[1] = shapes.rows[4] = (uint8_t)upper;
    shapes.rows[2] = shapes.rows[3] = shapes.rows[5] = (uint8_t)lower;
    shapes.rows[6] = shapes.rows[7] = TILE_SIDE;
    _tile_loadconfig(&shapes);
}

// Rows and panels of the tiles whose sums and weights 32 registers of 16 lanes hold.
#define FLOAT32_ROWS 12
#define FLOAT32_TILES                                                                                              \
    TILE(1, 4) TILE(2, 3) TILE(3, 3) TILE(4, 2) TILE(5, 2) TILE(6, 2) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) \
    TILE(11, 1) TILE(12, 1)
#define PAIR_ROWS 14
#define PAIR_TILES                                                                                                 \
    TILE(1, 4) TILE(2, 3) TILE(3, 3) TILE(4, 3) TILE(5, 2) TILE(6, 2) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) \
    TILE(11, 1) TILE(12, 1) TILE(13, 1) TILE(14, 1)
#define QUAD_ROWS 8
#define QUAD_TILES                                                                                                 \
    TILE(1, 4) TILE(2, 2) TILE(3, 2) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)

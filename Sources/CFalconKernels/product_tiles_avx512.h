// Rows of the tiles whose sums and weights 32 registers of 16 lanes hold. A tile is one panel wide: memory then gives a
// thread one stream, which it does faster than several.
#define LOOK_UP_VECTOR __m512i
#define LOOK_UP _mm512_shuffle_epi8
#define WIDEN_HALVES(source) (lanes)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(source)))
#define FLOAT32_ROWS 12
#define FLOAT32_TILES \
    TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
#define PAIR_ROWS 14
#define PAIR_TILES \
    TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12) TILE(13) TILE(14)
#define QUAD_ROWS 8
#define QUAD_PANELS 4
#define QUAD_TILES \
    TILE(1, 4) TILE(2, 2) TILE(3, 2) TILE(4, 1) TILE(5, 1) TILE(6, 1) TILE(7, 1) TILE(8, 1)

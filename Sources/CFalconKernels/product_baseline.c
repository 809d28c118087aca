// What every processor of the architecture runs (SSE2 on x86-64, NEON on Arm).
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#include <immintrin.h>
#define LACKS_FUSED_MULTIPLY_ADD
#define SHORT_VECTOR __m128i
#define MULTIPLY_SHORTS _mm_madd_epi16
#endif
#define VARIANT(name) falcon_baseline_##name
#define VARIANT_NAME "baseline"
#define FLOAT32_ROWS 2
#define FLOAT32_TILES TILE(1) TILE(2)
#define PAIR_ROWS 2
#define PAIR_TILES TILE(1) TILE(2)
#define QUAD_ROWS 2
#define QUAD_TILES TILE(1, 1) TILE(2, 1)
#define QUAD_PANELS 1
#define BLOCK_ROWS 2
#define BLOCK_TILES TILE(1) TILE(2)
#include "product_body.h"

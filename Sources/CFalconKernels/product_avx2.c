// AVX2 with fused multiply-add.
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VARIANT(name) falcon_avx2_##name
#define VARIANT_NAME "avx2"
#define FLOAT32_ROWS 2
#define FLOAT32_TILES TILE(1) TILE(2)
#define PAIR_ROWS 2
#define PAIR_TILES TILE(1) TILE(2)
#define QUAD_ROWS 2
#define QUAD_TILES TILE(1, 1) TILE(2, 1)
#define QUAD_PANELS 1
#define BLOCK_ROWS 2
#define BLOCK_TILES TILE(1) TILE(2)
#define SHORT_VECTOR __m256i
#define LOOK_UP_VECTOR __m256i
#define LOOK_UP _mm256_shuffle_epi8
#define MULTIPLY_BYTES _mm256_maddubs_epi16
#define MULTIPLY_SHORTS _mm256_madd_epi16
#include "product_body.h"
#pragma clang attribute pop
#endif

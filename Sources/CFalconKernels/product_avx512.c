// AVX-512: 32 registers of 16 lanes.
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define VARIANT(name) falcon_avx512_##name
#define VARIANT_NAME "avx512"
#define SHORT_VECTOR __m512i
#define MULTIPLY_BYTES _mm512_maddubs_epi16
#define MULTIPLY_SHORTS _mm512_madd_epi16
#define BLOCK_ROWS 4
#define BLOCK_TILES TILE(1) TILE(2) TILE(3) TILE(4)
#include "product_tiles_avx512.h"
#include "product_body.h"
#pragma clang attribute pop
#endif

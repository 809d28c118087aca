// AVX-512: 32 registers of 16 lanes.
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define VARIANT(name) falcon_avx512_##name
#define VARIANT_NAME "avx512"
#define MAXIMUM_BLOCK 12
#define TILES                                                                                        \
    TILE(1, 4) TILE(2, 3) TILE(3, 3) TILE(4, 2) TILE(5, 2) TILE(6, 2) TILE(7, 1) TILE(8, 1) TILE(9, 1) TILE(10, 1) \
    TILE(11, 1) TILE(12, 1)
#define QUERY_TILE 4
#define KEY_VECTORS 4
#define VALUE_VECTORS 2
#include "inference_body.h"
#pragma clang attribute pop
#endif

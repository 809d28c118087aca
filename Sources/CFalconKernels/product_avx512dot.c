// AVX-512 with dot products of bfloat16 pairs and of 8-bit quads.
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#include "product_amx.h"
#include <immintrin.h>
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,avx512vnni,avx2,fma"))), apply_to = function)
#define VARIANT(name) falcon_avx512dot_##name
#define VARIANT_NAME "avx512dot"
#define HAS_DOT_PRODUCTS
#define BLOCK_ROWS 8
#define BLOCK_TILES TILE(1) TILE(2) TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8)
#include "product_tiles_avx512.h"
#include "product_body.h"
#pragma clang attribute pop
#endif

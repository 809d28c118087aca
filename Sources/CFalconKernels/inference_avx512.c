// AVX-512: 32 registers of 16 lanes.
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx2,fma"))), apply_to = function)
#define VARIANT(name) falcon_avx512_##name
#define VARIANT_NAME "avx512"
#define QUERY_TILE 4
#define KEY_VECTORS 4
#define VALUE_VECTORS 2
#include "inference_body.h"
#pragma clang attribute pop
#endif

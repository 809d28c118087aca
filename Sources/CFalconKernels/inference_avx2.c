// AVX2 with fused multiply-add.
#pragma STDC FP_CONTRACT OFF
#if defined(__x86_64__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define VARIANT(name) falcon_avx2_##name
#define VARIANT_NAME "avx2"
#define QUERY_TILE 2
#define KEY_VECTORS 2
#define VALUE_VECTORS 1
#include "inference_body.h"
#pragma clang attribute pop
#endif

// AVX-512 with dot products of bfloat16, and products in tile registers.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma,amx-tile,amx-bf16"))), \
    apply_to = function)
#define LANES 16
#define HAS_BFLOAT16_DOT
#define HAS_TILES
#define VARIANT falcon_training_amx
#include "training_body.h"
#pragma clang attribute pop
#endif

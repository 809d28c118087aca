// AVX-512 with dot products of bfloat16.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,avx2,fma"))), apply_to = function)
#define LANES 16
#define HAS_BFLOAT16_DOT
#define VARIANT falcon_training_avx512bf16
#include "training_body.h"
#pragma clang attribute pop
#endif

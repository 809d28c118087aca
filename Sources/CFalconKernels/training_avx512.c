// AVX-512: foundation, byte and word, doubleword and quadword, vector length.
#if defined(__x86_64__)
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma clang attribute push( \
    __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma"))), apply_to = function)
#define LANES 16
#define VARIANT falcon_training_avx512
#include "training_body.h"
#pragma clang attribute pop
#endif

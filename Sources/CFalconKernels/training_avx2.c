// AVX2 with fused multiply-add.
#if defined(__x86_64__)
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define LANES 8
#define VARIANT falcon_training_avx2
#include "training_body.h"
#pragma clang attribute pop
#endif

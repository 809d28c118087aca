#include "include/inference.h"

extern const falcon_inference_kernels falcon_baseline_kernels;
#if defined(__x86_64__)
extern const falcon_inference_kernels falcon_avx2_kernels, falcon_avx512_kernels;
#endif

size_t falcon_inference_variants(const falcon_inference_kernels **variants) {
    size_t count = 0;
    variants[count++] = &falcon_baseline_kernels;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) variants[count++] = &falcon_avx2_kernels;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq"))
        variants[count++] = &falcon_avx512_kernels;
#endif
    return count;
}

const falcon_inference_kernels *falcon_inference(void) {
    const falcon_inference_kernels *variants[3];
    return variants[falcon_inference_variants(variants) - 1];
}

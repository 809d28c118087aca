#include "include/inference.h"
#include <string.h>

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

void falcon_pack_panels(
    const void *const *rows, size_t columns, size_t depth, int sourceType, size_t first, size_t count, void *panels,
    int panelType) {
    for (size_t panel = first; panel < first + count; panel++)
        for (size_t c = 0; c < FALCON_PANEL; c++) {
            size_t column = panel * FALCON_PANEL + c;
            size_t target = panel * depth * FALCON_PANEL + c;
            const unsigned char *source = column < columns ? rows[column] : 0;
            for (size_t k = 0; k < depth; k++, target += FALCON_PANEL) {
                uint32_t bits = 0;
                uint16_t half;
                if (source && sourceType == FALCON_FLOAT32) {
                    memcpy(&bits, source + 4 * k, 4);
                } else if (source) {
                    memcpy(&half, source + 2 * k, 2);
                    bits = (uint32_t)half << 16;
                }
                if (panelType == FALCON_BFLOAT16) {
                    ((uint16_t *)panels)[target] = (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
                } else {
                    memcpy((float *)panels + target, &bits, 4);
                }
            }
        }
}

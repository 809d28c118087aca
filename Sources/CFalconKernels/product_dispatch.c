#include "include/product.h"
#include "tiles.h"

extern const falcon_product_kernels falcon_baseline_products;
#if defined(__x86_64__)
extern const falcon_product_kernels falcon_avx2_products, falcon_avx512_products, falcon_avx512dot_products,
    falcon_avx512dot_split_products, falcon_avx512dot_tile_products;
#endif

size_t falcon_product_variants(const falcon_product_kernels **variants) {
    size_t count = 0;
    variants[count++] = &falcon_baseline_products;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) variants[count++] = &falcon_avx2_products;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")
        && __builtin_cpu_supports("avx512dq")) {
        variants[count++] = &falcon_avx512_products;
        if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vnni")) {
            // The fastest is the last.
            int splits = __builtin_cpu_is("intel");
            variants[count++] = splits ? &falcon_avx512dot_products : &falcon_avx512dot_split_products;
            variants[count++] = splits ? &falcon_avx512dot_split_products : &falcon_avx512dot_products;
            if (falcon_may_use_tiles()) variants[count++] = &falcon_avx512dot_tile_products;
        }
    }
#endif
    return count;
}

const falcon_product_kernels *falcon_products(void) {
    // Several threads may choose at once; they choose the same.
    static const falcon_product_kernels *_Atomic chosen;
    const falcon_product_kernels *best = chosen;
    if (best) return best;
    const falcon_product_kernels *variants[FALCON_PRODUCT_VARIANTS];
    best = variants[falcon_product_variants(variants) - 1];
    chosen = best;
    return best;
}

int falcon_prefers_tiles(void) {
#if defined(__x86_64__)
    return falcon_products() == &falcon_avx512dot_tile_products;
#else
    return 0;
#endif
}

#include "include/training_loops.h"
#include "tiles.h"

extern const falcon_training_loops falcon_training_baseline;
#if defined(__x86_64__)
extern const falcon_training_loops falcon_training_avx2;
extern const falcon_training_loops falcon_training_avx512;
extern const falcon_training_loops falcon_training_avx512bf16;
extern const falcon_training_loops falcon_training_amx;
#endif

const falcon_training_loops *falcon_training_loops_at(size_t index) {
    if (index == 0) return &falcon_training_baseline;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (index == 1 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return &falcon_training_avx2;
    const int wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
                     __builtin_cpu_supports("fma");
    if (index == 2 && wide) return &falcon_training_avx512;
    const int dots = wide && __builtin_cpu_supports("avx512bf16");
    if (index == 3 && dots) return &falcon_training_avx512bf16;
    if (index == 4 && dots && falcon_may_use_tiles()) return &falcon_training_amx;
#endif
    return NULL;
}

const falcon_training_loops *falcon_training_loops_best(void) {
    // Several threads may choose at once; they choose the same.
    static const falcon_training_loops *_Atomic chosen;
    const falcon_training_loops *best = chosen;
    if (best) return best;
    for (size_t index = 0; index < FALCON_TRAINING_TABLES; index++) {
        const falcon_training_loops *table = falcon_training_loops_at(index);
        if (table) best = table;
    }
    chosen = best;
    return best;
}

// The inference loops, once. Each variant file sets VARIANT(name), MAXIMUM_BLOCK and the processor's features, and
// includes this.
#include "include/inference.h"
#include <string.h>

#include "inference_vectors.h"
#include "inference_product_body.h"
#include "inference_elementwise_body.h"
#include "inference_attention_body.h"

static float VARIANT(peak_arithmetic)(size_t steps) {
    lanes chain[10];
    UNROLL for (int i = 0; i < 10; i++) chain[i] = (lanes)(float)i;
    for (size_t step = 0; step < steps; step++)
        UNROLL for (int i = 0; i < 10; i++)
            chain[i] = __builtin_elementwise_fma(chain[i], (lanes)0.999f, (lanes)0.001f);
    lanes total = (lanes)0.0f;
    UNROLL for (int i = 0; i < 10; i++) total += chain[i];
    return VARIANT(sum)(total);
}

static float VARIANT(peak_read)(const float *values, size_t count) {
    lanes part[4] = {0};
    for (size_t i = 0; i + 64 <= count; i += 64)
        UNROLL for (size_t v = 0; v < 4; v++) part[v] += VARIANT(load)(values + i + 16 * v);
    return VARIANT(sum)((part[0] + part[1]) + (part[2] + part[3]));
}

const falcon_inference_kernels VARIANT(kernels) = {
    VARIANT_NAME, MAXIMUM_BLOCK, VARIANT(pack_rows), VARIANT(multiply), VARIANT(rms_norm),
    VARIANT(add_rms_norm), VARIANT(gated_unit), VARIANT(rotate), VARIANT(place), VARIANT(attend),
    VARIANT(peak_arithmetic), VARIANT(peak_read),
};

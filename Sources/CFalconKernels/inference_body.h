// The inference loops, once. Each variant file sets VARIANT(name), MAXIMUM_BLOCK and the processor's features, and
// includes this. Vectors are 16 lanes wide everywhere: a narrower processor splits them without changing a result.
#include "include/inference.h"
#include <string.h>

// Vectors are passed between inlined functions only, so their calling convention never matters.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float lanes __attribute__((ext_vector_type(16)));
typedef float lanes_unaligned __attribute__((ext_vector_type(16), aligned(4)));
typedef uint16_t halves_unaligned __attribute__((ext_vector_type(16), aligned(2)));
typedef uint32_t words __attribute__((ext_vector_type(16)));
typedef int32_t integers __attribute__((ext_vector_type(16)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE lanes VARIANT(load)(const float *p) { return *(const lanes_unaligned *)p; }
INLINE void VARIANT(store)(float *p, lanes v) { *(lanes_unaligned *)p = v; }

INLINE lanes VARIANT(weights)(const void *panel, size_t index, int type) {
    if (type == FALCON_BFLOAT16) {
        halves_unaligned h = *(const halves_unaligned *)((const uint16_t *)panel + index);
        return __builtin_bit_cast(lanes, __builtin_convertvector(h, words) << 16);
    }
    return VARIANT(load)((const float *)panel + index);
}

// exp(x) for x <= 88: Cephes' split into a power of two and a polynomial, relative error below 2e-7. Results below
// the smallest normal number become 0, so -infinity gives 0.
INLINE lanes VARIANT(exponential)(lanes x) {
    lanes clamped = __builtin_elementwise_max(x, (lanes)-87.5f);
    // Adding 1.5 * 2^23 rounds to a whole number, to even.
    lanes n = clamped * 1.44269504088896341f + 12582912.0f - 12582912.0f;
    lanes r = __builtin_elementwise_fma(n, (lanes)-0.693359375f, clamped);
    r = __builtin_elementwise_fma(n, (lanes)2.12194440e-4f, r);
    lanes p = (lanes)1.9875691500e-4f;
    p = __builtin_elementwise_fma(p, r, (lanes)1.3981999507e-3f);
    p = __builtin_elementwise_fma(p, r, (lanes)8.3334519073e-3f);
    p = __builtin_elementwise_fma(p, r, (lanes)4.1665795894e-2f);
    p = __builtin_elementwise_fma(p, r, (lanes)1.6666665459e-1f);
    p = __builtin_elementwise_fma(p, r, (lanes)5.0000001201e-1f);
    p = __builtin_elementwise_fma(p, r * r, r + 1.0f);
    integers power = (__builtin_convertvector(n, integers) + 127) << 23;
    lanes result = p * __builtin_bit_cast(lanes, power);
    lanes outside = x < (lanes)-87.5f ? (lanes)0.0f : x;  // not a number stays so
    return x >= (lanes)-87.5f ? result : outside;
}

// The sum of 16 lanes by halves: ((0+8)+(4+12))+... in one fixed order.
INLINE float VARIANT(sum)(lanes v) {
    float a[16], b[8];
    VARIANT(store)(a, v);
    for (int i = 0; i < 8; i++) b[i] = a[i] + a[i + 8];
    for (int i = 0; i < 4; i++) b[i] += b[i + 4];
    return (b[0] + b[2]) + (b[1] + b[3]);
}

// Rows of each block: as even as possible, so that no block is left with one row alone.
INLINE size_t VARIANT(block)(size_t rows, size_t start, size_t *blocks_left) {
    size_t size = (rows - start + *blocks_left - 1) / *blocks_left;
    (*blocks_left)--;
    return size;
}

static void VARIANT(pack_rows)(const float *x, size_t rows, size_t depth, float *packed) {
    size_t left = (rows + MAXIMUM_BLOCK - 1) / MAXIMUM_BLOCK;
    for (size_t start = 0; start < rows;) {
        size_t size = VARIANT(block)(rows, start, &left);
        float *target = packed + start * depth;
        for (size_t r = 0; r < size; r++) {
            const float *source = x + (start + r) * depth;
            for (size_t k = 0; k < depth; k++) target[k * size + r] = source[k];
        }
        start += size;
    }
}

// `rows` x `panels` outputs at once; both are constants where this is inlined, so the sums stay in registers.
INLINE void VARIANT(tile)(
    int rows, int panels, const float *x, size_t depth, const void *weight, int type, size_t first, size_t columns,
    const float *bias, float *out) {
    lanes sum[MAXIMUM_BLOCK][8];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++) sum[r][j] = (lanes)0.0f;
    size_t stride = depth * FALCON_PANEL;
    size_t base = first * stride;
    for (size_t k = 0; k < depth; k++) {
        lanes w[8];
        UNROLL for (int j = 0; j < 2 * panels; j++)
            w[j] = VARIANT(weights)(
                weight, base + (size_t)(j / 2) * stride + k * FALCON_PANEL + (size_t)(j % 2) * 16, type);
        UNROLL for (int r = 0; r < rows; r++) {
            lanes broadcast = (lanes)x[k * (size_t)rows + (size_t)r];
            UNROLL for (int j = 0; j < 2 * panels; j++)
                sum[r][j] = __builtin_elementwise_fma(broadcast, w[j], sum[r][j]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++) {
            size_t column = first * FALCON_PANEL + (size_t)j * 16;
            float *target = out + (size_t)r * columns + column;
            if (column + 16 <= columns) {
                VARIANT(store)(target, bias ? sum[r][j] + VARIANT(load)(bias + column) : sum[r][j]);
            } else if (column < columns) {
                float edge[16];
                VARIANT(store)(edge, sum[r][j]);
                for (size_t c = 0; c < columns - column; c++) target[c] = bias ? edge[c] + bias[column + c] : edge[c];
            }
        }
}

#define TILE(R, P)                                                                                            \
    case R:                                                                                                   \
        for (; panel + P <= end; panel += P) {                                                                \
            if (panelType == FALCON_BFLOAT16)                                                                 \
                VARIANT(tile)(R, P, x, depth, panels, FALCON_BFLOAT16, panel, columns, bias, target);         \
            else                                                                                              \
                VARIANT(tile)(R, P, x, depth, panels, FALCON_FLOAT32, panel, columns, bias, target);          \
        }                                                                                                     \
        for (; P > 1 && panel < end; panel++) {                                                               \
            if (panelType == FALCON_BFLOAT16)                                                                 \
                VARIANT(tile)(R, 1, x, depth, panels, FALCON_BFLOAT16, panel, columns, bias, target);         \
            else                                                                                              \
                VARIANT(tile)(R, 1, x, depth, panels, FALCON_FLOAT32, panel, columns, bias, target);          \
        }                                                                                                     \
        break;

static void VARIANT(multiply_block)(
    const float *x, size_t rows, size_t depth, const void *panels, int panelType, size_t panel, size_t end,
    size_t columns, const float *bias, float *target) {
    switch (rows) {
        TILES
    }
}

// Panels are taken in groups that stay in the second-level cache while all blocks of rows pass over them.
static void VARIANT(multiply)(
    const float *packed, size_t rows, size_t depth, const void *panels, int panelType, size_t first, size_t count,
    size_t columns, const float *bias, float *out) {
    size_t bytes = depth * FALCON_PANEL * (panelType == FALCON_BFLOAT16 ? 2 : 4);
    size_t group = rows <= MAXIMUM_BLOCK ? count : 262144 / bytes;
    if (group < 4) group = 4;
    for (size_t start = first; start < first + count; start += group) {
        size_t end = start + group < first + count ? start + group : first + count;
        size_t left = (rows + MAXIMUM_BLOCK - 1) / MAXIMUM_BLOCK;
        for (size_t row = 0; row < rows;) {
            size_t size = VARIANT(block)(rows, row, &left);
            VARIANT(multiply_block)(
                packed + row * depth, size, depth, panels, panelType, start, end, columns, bias, out + row * columns);
            row += size;
        }
    }
}

static void VARIANT(rms_norm)(
    const float *x, const float *weight, float epsilon, size_t rows, size_t width, float *out) {
    for (size_t r = 0; r < rows; r++, x += width, out += width) {
        lanes squares = (lanes)0.0f;
        size_t i = 0;
        for (; i + 16 <= width; i += 16) {
            lanes v = VARIANT(load)(x + i);
            squares = __builtin_elementwise_fma(v, v, squares);
        }
        float tail[16] = {0};
        for (size_t j = i; j < width; j++) tail[j - i] = x[j];
        squares = __builtin_elementwise_fma(VARIANT(load)(tail), VARIANT(load)(tail), squares);
        float scale = 1.0f / __builtin_sqrtf(VARIANT(sum)(squares) / (float)width + epsilon);
        for (i = 0; i + 16 <= width; i += 16)
            VARIANT(store)(out + i, VARIANT(load)(x + i) * scale * VARIANT(load)(weight + i));
        for (; i < width; i++) out[i] = x[i] * scale * weight[i];
    }
}

INLINE lanes VARIANT(gate)(lanes gate, lanes up) {
    // silu(g) = g / (1 + exp(-g)); beyond 88 the quotient is g, or 0, to the last bit.
    lanes bounded = __builtin_elementwise_max(gate, (lanes)-87.0f);
    return gate / (1.0f + VARIANT(exponential)(-bounded)) * up;
}

static void VARIANT(gated_unit)(const float *x, size_t rows, size_t width, float *out) {
    for (size_t r = 0; r < rows; r++, x += 2 * width, out += width) {
        size_t i = 0;
        for (; i + 16 <= width; i += 16)
            VARIANT(store)(out + i, VARIANT(gate)(VARIANT(load)(x + i), VARIANT(load)(x + width + i)));
        if (i < width) {
            float gate[16] = {0}, up[16] = {0}, result[16];
            memcpy(gate, x + i, (width - i) * 4);
            memcpy(up, x + width + i, (width - i) * 4);
            VARIANT(store)(result, VARIANT(gate)(VARIANT(load)(gate), VARIANT(load)(up)));
            memcpy(out + i, result, (width - i) * 4);
        }
    }
}

static void VARIANT(attend)(
    const float *query, const float *keys, const float *values, size_t size, size_t capacity, size_t slots,
    size_t prefix, const int32_t *extra, size_t extraCount, float scale, float *scores, float *out) {
    // Scores of 64 slots at a time, each one chain over the head's size. A key's score does not depend on its slot.
    size_t needed = extraCount ? slots : prefix;
    for (size_t j = 0; j < needed; j += 64) {
        lanes s[4] = {0};
        for (size_t d = 0; d < size; d++) {
            lanes q = (lanes)query[d];
            const float *row = keys + d * capacity + j;
            for (int v = 0; v < 4; v++) s[v] = __builtin_elementwise_fma(q, VARIANT(load)(row + 16 * v), s[v]);
        }
        for (int v = 0; v < 4; v++) VARIANT(store)(scores + j + 16 * v, s[v] * scale);
    }
    // The visible ones in logical order. Extra slots lie at or behind the prefix, so gather them aside first.
    size_t count = prefix + extraCount;
    float *gathered = scores + capacity + 64;
    for (size_t e = 0; e < extraCount; e++) gathered[e] = scores[extra[e]];
    memcpy(scores + prefix, gathered, extraCount * 4);
    size_t padded = (count + 15) & ~(size_t)15;
    for (size_t j = count; j < padded; j++) scores[j] = -__builtin_inff();

    lanes top = (lanes)-__builtin_inff();
    for (size_t j = 0; j < padded; j += 16) top = __builtin_elementwise_max(top, VARIANT(load)(scores + j));
    float largest = __builtin_reduce_max(top);
    lanes total = (lanes)0.0f;
    for (size_t j = 0; j < padded; j += 16) {
        lanes e = VARIANT(exponential)(VARIANT(load)(scores + j) - largest);
        VARIANT(store)(scores + j, e);
        total += e;
    }
    float inverse = 1.0f / VARIANT(sum)(total);

    // Values: four chains by the key's logical index modulo 4, joined in one order.
    for (size_t d = 0; d < size; d += 16) {
        size_t width = size - d < 16 ? size - d : 16;
        lanes part[4] = {0};
        for (size_t j = 0; j < count; j++) {
            size_t slot = j < prefix ? j : (size_t)extra[j - prefix];
            const float *value = values + slot * size + d;
            lanes v;
            if (width == 16) {
                v = VARIANT(load)(value);
            } else {
                float edge[16] = {0};
                memcpy(edge, value, width * 4);
                v = VARIANT(load)(edge);
            }
            part[j & 3] = __builtin_elementwise_fma((lanes)scores[j], v, part[j & 3]);
        }
        lanes result = ((part[0] + part[1]) + (part[2] + part[3])) * inverse;
        if (width == 16) {
            VARIANT(store)(out + d, result);
        } else {
            float edge[16];
            VARIANT(store)(edge, result);
            memcpy(out + d, edge, width * 4);
        }
    }
}

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
    VARIANT_NAME, MAXIMUM_BLOCK, VARIANT(pack_rows), VARIANT(multiply), VARIANT(rms_norm), VARIANT(gated_unit),
    VARIANT(attend), VARIANT(peak_arithmetic), VARIANT(peak_read),
};

// Norms, rotary embedding and the gated unit of inference. A row's result depends on that row alone.

// The sum of squares of `width` values in four chains of 16 lanes; where `addend` is given, of x + addend, which is
// left in `sum`.
INLINE float VARIANT(squares)(const float *x, const float *addend, float *sum, size_t width) {
    lanes chain[4] = {0};
    size_t i = 0;
    for (; i + 64 <= width; i += 64)
        UNROLL for (size_t v = 0; v < 4; v++) {
            lanes value = VARIANT(load)(x + i + 16 * v);
            if (addend) {
                value += VARIANT(load)(addend + i + 16 * v);
                VARIANT(store)(sum + i + 16 * v, value);
            }
            chain[v] = __builtin_elementwise_fma(value, value, chain[v]);
        }
    for (size_t v = 0; i < width; v++, i += 16) {
        size_t left = width - i < 16 ? width - i : 16;
        float values[16] = {0}, addends[16] = {0};
        memcpy(values, x + i, left * 4);
        lanes value = VARIANT(load)(values);
        if (addend) {
            memcpy(addends, addend + i, left * 4);
            value += VARIANT(load)(addends);
            VARIANT(store)(values, value);
            memcpy(sum + i, values, left * 4);
        }
        chain[v] = __builtin_elementwise_fma(value, value, chain[v]);
    }
    return VARIANT(sum)((chain[0] + chain[1]) + (chain[2] + chain[3]));
}

// x . y in four chains of 16 lanes.
INLINE float VARIANT(dot)(const float *x, const float *y, size_t width) {
    lanes chain[4] = {0};
    size_t i = 0;
    for (; i + 64 <= width; i += 64)
        UNROLL for (size_t v = 0; v < 4; v++) {
            size_t at = i + 16 * v;
            chain[v] = __builtin_elementwise_fma(VARIANT(load)(x + at), VARIANT(load)(y + at), chain[v]);
        }
    for (size_t v = 0; i < width; v++, i += 16) {
        size_t left = width - i < 16 ? width - i : 16;
        float a[16] = {0}, b[16] = {0};
        memcpy(a, x + i, left * 4);
        memcpy(b, y + i, left * 4);
        chain[v] = __builtin_elementwise_fma(VARIANT(load)(a), VARIANT(load)(b), chain[v]);
    }
    return VARIANT(sum)((chain[0] + chain[1]) + (chain[2] + chain[3]));
}

static void VARIANT(multiply_rows)(
    const float *table, size_t rows, const float *x, size_t x_rows, size_t width, float *out) {
    for (size_t r = 0; r < rows; r++)
        for (size_t i = 0; i < x_rows; i++)
            out[i * rows + r] = VARIANT(dot)(table + r * width, x + i * width, width);
}

INLINE void VARIANT(normalize)(
    const float *x, const float *addend, float *sum, const float *weight, float epsilon, size_t width, float *out) {
    float scale = 1.0f / __builtin_elementwise_sqrt(VARIANT(squares)(x, addend, sum, width) / (float)width + epsilon);
    const float *source = addend ? sum : x;
    size_t i = 0;
    for (; i + 16 <= width; i += 16)
        VARIANT(store)(out + i, VARIANT(load)(source + i) * scale * VARIANT(load)(weight + i));
    for (; i < width; i++) out[i] = source[i] * scale * weight[i];
}

static void VARIANT(rms_norm)(
    const float *x, const float *weight, float epsilon, size_t rows, size_t width, float *out) {
    for (size_t r = 0; r < rows; r++) VARIANT(normalize)(x + r * width, 0, 0, weight, epsilon, width, out + r * width);
}

static void VARIANT(add_rms_norm)(
    const float *x, const float *addend, const float *weight, float epsilon, size_t rows, size_t width, float *sum,
    float *out) {
    for (size_t r = 0; r < rows; r++)
        VARIANT(normalize)(
            x + r * width, addend + r * width, sum + r * width, weight, epsilon, width, out + r * width);
}

INLINE lanes VARIANT(gate)(lanes gate, lanes up) {
    // silu(g) = g / (1 + exp(-g)); beyond 88 the quotient is g, or 0, to the last bit.
    lanes bounded = __builtin_elementwise_max(gate, (lanes)-87.0f);
    return gate / (1.0f + VARIANT(exponential)(-bounded)) * up;
}

// gelu(g) by its tangent: g (1 + tanh(u)) / 2 = g / (1 + exp(-2u)), where u = sqrt(2 / pi) (g + 0.044715 g^3).
INLINE lanes VARIANT(gelu_gate)(lanes gate, lanes up) {
    lanes twice = 1.5957691216057308f * gate * (1.0f + 0.044715f * gate * gate);
    lanes bounded = __builtin_elementwise_max(twice, (lanes)-87.0f);
    return gate / (1.0f + VARIANT(exponential)(-bounded)) * up;
}

#define GATED_UNIT(NAME, GATE)                                                                         \
    static void VARIANT(NAME)(const float *x, size_t rows, size_t width, float *out) {                 \
        for (size_t r = 0; r < rows; r++, x += 2 * width, out += width) {                              \
            size_t i = 0;                                                                              \
            for (; i + 16 <= width; i += 16)                                                           \
                VARIANT(store)(out + i, VARIANT(GATE)(VARIANT(load)(x + i), VARIANT(load)(x + width + i))); \
            if (i < width) {                                                                           \
                float gate[16] = {0}, up[16] = {0}, result[16];                                        \
                memcpy(gate, x + i, (width - i) * 4);                                                  \
                memcpy(up, x + width + i, (width - i) * 4);                                            \
                VARIANT(store)(result, VARIANT(GATE)(VARIANT(load)(gate), VARIANT(load)(up)));         \
                memcpy(out + i, result, (width - i) * 4);                                              \
            }                                                                                          \
        }                                                                                              \
    }
GATED_UNIT(gated_unit, gate)
GATED_UNIT(gelu_unit, gelu_gate)
#undef GATED_UNIT

static void VARIANT(rotate)(
    float *row, size_t heads, size_t half, const float *cosines, const float *sines, float sign) {
    for (size_t head = 0; head < heads; head++, row += 2 * half) {
        float *high = row + half;
        size_t i = 0;
        for (; i + 16 <= half; i += 16) {
            lanes c = VARIANT(load)(cosines + i), s = VARIANT(load)(sines + i) * sign;
            lanes a = VARIANT(load)(row + i), b = VARIANT(load)(high + i);
            VARIANT(store)(row + i, a * c - b * s);
            VARIANT(store)(high + i, b * c + a * s);
        }
        for (; i < half; i++) {
            float c = cosines[i], s = sines[i] * sign, a = row[i], b = high[i];
            row[i] = a * c - b * s;
            high[i] = b * c + a * s;
        }
    }
}

// Copies a head's keys of `count` rows, at most 16, to as many slots of one block [size][64].
INLINE void VARIANT(place_keys)(const float *source, size_t stride, size_t count, size_t size, float *key) {
    size_t d = 0;
    for (; count == 16 && d + 16 <= size; d += 16) {
        lanes row[16];
        UNROLL for (size_t r = 0; r < 16; r++) row[r] = VARIANT(load)(source + r * stride + d);
        VARIANT(transpose)(row);
        UNROLL for (size_t i = 0; i < 16; i++) VARIANT(store)(key + (d + i) * 64, row[i]);
    }
    for (; d < size; d++)
        for (size_t r = 0; r < count; r++) key[d * 64 + r] = source[r * stride + d];
}

static void VARIANT(place)(const falcon_placement *p, size_t first, size_t count) {
    size_t size = p->size, key_width = p->key_value_heads * size, end = first + count;
    for (size_t r = first; r < end; r++) {
        float *row = p->rows + r * p->stride;
        float *keys = row + p->heads * size;
        if (p->query_norm)
            for (size_t h = 0; h < p->heads; h++)
                VARIANT(normalize)(row + h * size, 0, 0, p->query_norm, p->epsilon, size, row + h * size);
        if (p->key_norm)
            for (size_t h = 0; h < p->key_value_heads; h++)
                VARIANT(normalize)(keys + h * size, 0, 0, p->key_norm, p->epsilon, size, keys + h * size);
        if (p->cosines)
            VARIANT(rotate)(
                row, p->heads + p->key_value_heads, size / 2, p->cosines + r * (size / 2), p->sines + r * (size / 2),
                1.0f);
        for (size_t h = 0; h < p->key_value_heads; h++) {
            float *value = p->values + (h * p->capacity + p->slot + r) * p->value_width;
            memcpy(value, keys + key_width + h * size, size * 4);
            for (size_t d = size; d < p->value_width; d++) value[d] = 0;
        }
    }
    // Keys go across, so up to 16 rows at a time: one row alone would touch a line of the cache for each value.
    for (size_t r = first; r < end;) {
        size_t slot = p->slot + r, run = 16 - slot % 16;
        if (run > end - r) run = end - r;
        const float *keys = p->rows + r * p->stride + p->heads * size;
        for (size_t h = 0; h < p->key_value_heads; h++)
            VARIANT(place_keys)(
                keys + h * size, p->stride, run, size,
                p->keys + (h * p->capacity + slot / 64 * 64) * size + slot % 64);
        r += run;
    }
}

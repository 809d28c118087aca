// Norm, gated unit and attention of inference. Each row of a result has one order of operations.
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

// Products with float32 arithmetic: weights float32, or bfloat16 and widened when they are read.

INLINE lanes VARIANT(weights)(const void *panel, size_t index, int form) {
    if (form == FALCON_BFLOAT16_PANELS) {
        halves_unaligned h = *(const halves_unaligned *)((const uint16_t *)panel + index);
        return __builtin_bit_cast(lanes, __builtin_convertvector(h, words) << 16);
    }
    return VARIANT(load)((const float *)panel + index);
}

// Interleaves x [rows, depth] as [depth][rows].
INLINE void VARIANT(pack_values)(const float *x, size_t rows, size_t depth, float *packed) {
    if (rows == 1) {
        memcpy(packed, x, depth * sizeof(float));
        return;
    }
    for (size_t r = 0; r < rows; r++, x += depth)
        for (size_t k = 0; k < depth; k++) packed[k * rows + r] = x[k];
}

// `rows` x `panels` outputs at once; both are constants where this is inlined, so the sums stay in registers.
INLINE void VARIANT(value_tile)(
    int form, int rows, int panels, const falcon_product *product, const float *x, size_t first, float *out) {
    lanes sum[FLOAT32_ROWS][8];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++) sum[r][j] = (lanes)0.0f;
    size_t stride = product->depth * FALCON_PANEL, base = first * stride;
    NO_UNROLL for (size_t k = 0; k < product->depth; k++) {
        lanes w[8];
        UNROLL for (int j = 0; j < 2 * panels; j++)
            w[j] = VARIANT(weights)(
                product->panels, base + (size_t)(j / 2) * stride + k * FALCON_PANEL + (size_t)(j % 2) * 16, form);
        UNROLL for (int r = 0; r < rows; r++) {
            lanes broadcast = (lanes)x[k * (size_t)rows + (size_t)r];
            UNROLL for (int j = 0; j < 2 * panels; j++)
                sum[r][j] = __builtin_elementwise_fma(broadcast, w[j], sum[r][j]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++)
            VARIANT(put)(product, out + (size_t)r * product->columns, first * FALCON_PANEL + (size_t)j * 16, sum[r][j]);
}

#define TILE(R, P)                                                                                       \
    case R:                                                                                              \
        for (; panel + P <= end; panel += P) {                                                           \
            if (product->form == FALCON_BFLOAT16_PANELS)                                                 \
                VARIANT(value_tile)(FALCON_BFLOAT16_PANELS, R, P, product, x, panel, out);               \
            else                                                                                         \
                VARIANT(value_tile)(FALCON_FLOAT32_PANELS, R, P, product, x, panel, out);                \
        }                                                                                                \
        for (; P > 1 && panel < end; panel++) {                                                          \
            if (product->form == FALCON_BFLOAT16_PANELS)                                                 \
                VARIANT(value_tile)(FALCON_BFLOAT16_PANELS, R, 1, product, x, panel, out);               \
            else                                                                                         \
                VARIANT(value_tile)(FALCON_FLOAT32_PANELS, R, 1, product, x, panel, out);                \
        }                                                                                                \
        break;

static void VARIANT(multiply_values)(
    const falcon_product *product, const float *x, size_t rows, size_t panel, size_t end, float *out) {
    switch (rows) {
        FLOAT32_TILES
    }
}
#undef TILE

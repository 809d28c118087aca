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

// `rows` x one panel of outputs at once; `rows` is a constant where this is inlined, so the sums stay in registers.
INLINE void VARIANT(value_tile)(
    int form, int rows, const falcon_product *product, const float *x, size_t panel, float *out) {
    lanes sum[FLOAT32_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2; j++) sum[r][j] = (lanes)0.0f;
    size_t base = panel * product->depth * FALCON_PANEL;
    NO_UNROLL for (size_t k = 0; k < product->depth; k++) {
        lanes w[2];
        UNROLL for (int j = 0; j < 2; j++)
            w[j] = VARIANT(weights)(product->panels, base + k * FALCON_PANEL + (size_t)j * 16, form);
        UNROLL for (int r = 0; r < rows; r++) {
            lanes broadcast = (lanes)x[k * (size_t)rows + (size_t)r];
            UNROLL for (int j = 0; j < 2; j++) sum[r][j] = __builtin_elementwise_fma(broadcast, w[j], sum[r][j]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2; j++)
            VARIANT(put)(product, out + (size_t)r * product->columns, panel * FALCON_PANEL + (size_t)j * 16, sum[r][j]);
}

#define TILE(R)                                                                                       \
    case R:                                                                                           \
        for (; panel < end; panel++) {                                                                \
            if (product->form == FALCON_BFLOAT16_PANELS)                                              \
                VARIANT(value_tile)(FALCON_BFLOAT16_PANELS, R, product, x, panel, out);               \
            else                                                                                      \
                VARIANT(value_tile)(FALCON_FLOAT32_PANELS, R, product, x, panel, out);                \
        }                                                                                             \
        break;

static void VARIANT(multiply_values)(
    const falcon_product *product, const float *x, size_t rows, size_t panel, size_t end, float *out) {
    switch (rows) {
        FLOAT32_TILES
    }
}
#undef TILE

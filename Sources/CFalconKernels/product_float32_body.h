// Products with float32 arithmetic: weights float32, or bfloat16 and widened when they are read.

INLINE lanes VARIANT(weights)(const void *panel, size_t index, int form) {
    if (form == FALCON_BFLOAT16_PANELS) {
        halves_unaligned h = *(const halves_unaligned *)((const uint16_t *)panel + index);
        return __builtin_bit_cast(lanes, __builtin_convertvector(h, words) << 16);
    }
    return VARIANT(load)((const float *)panel + index);
}

static void VARIANT(pack_column_float32)(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    uint32_t *words = (uint32_t *)panel + column;
    (void)depth;
    for (size_t k = start; k < end; k++) words[k * FALCON_PANEL] = VARIANT(value_bits)(source, type, k);
}

static void VARIANT(pack_column_bfloat16)(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    uint16_t *halves = (uint16_t *)panel + column;
    (void)depth;
    for (size_t k = start; k < end; k++)
        halves[k * FALCON_PANEL] = (uint16_t)VARIANT(rounded_bits)(VARIANT(value_bits)(source, type, k));
}

// Interleaves x [rows, depth] as [depth][rows].
static void VARIANT(pack_values)(const float *x, size_t rows, size_t depth, void *target) {
    float *packed = target;
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
            VARIANT(put)(product, out + (size_t)r * product->stride, panel * FALCON_PANEL + (size_t)j * 16, sum[r][j]);
}

#define TILE(R)                                                                             \
    case R:                                                                                 \
        for (; panel < end; panel++) VARIANT(value_tile)(form, R, product, x, panel, out);  \
        break;
#define MULTIPLY_VALUES(NAME, FORM)                                                                        \
    static void VARIANT(multiply_##NAME)(                                                                  \
        const falcon_product *product, const void *packed, size_t rows, size_t panel, size_t end,          \
        const char *const ahead[2], float *out) {                                                          \
        const float *x = packed;                                                                           \
        enum { form = FORM };                                                                              \
        (void)ahead;                                                                                       \
        switch (rows) { FLOAT32_TILES }                                                                    \
    }
MULTIPLY_VALUES(float32, FALCON_FLOAT32_PANELS)
MULTIPLY_VALUES(bfloat16, FALCON_BFLOAT16_PANELS)
#undef TILE

static double VARIANT(peak_values)(size_t steps, float *sink) {
    PEAK(lanes, (lanes)(float)i, , __builtin_elementwise_fma(chain[i], (lanes)0.999f, (lanes)0.001f), 1)
}

#define VALUE_FORM(NAME, BYTES)                                                                        \
    {1, FALCON_PANEL * BYTES, 4, FLOAT32_ROWS, 1, VARIANT(pack_column_##NAME), VARIANT(pack_values), \
     VARIANT(multiply_##NAME), VARIANT(peak_values)}

// Products of 8-bit values: sums over groups of the depth are exact integers, groups are added in float32. Quads of
// bytes along the depth lie in 32-bit words, the earliest value low.

typedef int8_t bytes __attribute__((ext_vector_type(16)));

// Rounds `count` values, 16 * `vectors` at most, to whole multiples of their largest size / 127, and adds up those of
// each `together` vectors. A group that holds no number, or an infinite one, gets a scale that is not a number.
INLINE void VARIANT(quantize)(
    const float *x, size_t count, int vectors, int together, int8_t *quantized, float *scale, int *sums) {
    float padded[FALCON_GROUP];
    if (count < 16 * (size_t)vectors) {
        memset(padded, 0, sizeof padded);
        memcpy(padded, x, count * sizeof(float));
        x = padded;
    }
    // Sizes are in order of their bits; that of no number lies behind infinity.
    lanes values[4];
    integers largest = (integers)0;
    UNROLL for (int i = 0; i < vectors; i++) {
        values[i] = VARIANT(load)(x + 16 * i);
        largest = __builtin_elementwise_max(largest, __builtin_bit_cast(integers, values[i]) & 0x7fffffff);
    }
    int32_t most = __builtin_reduce_max(largest);
    float size;
    memcpy(&size, &most, 4);
    int are_numbers = most < 0x7f800000;
    // Sizes whose inverse overflows count as zero.
    float inverse = size > 1e-30f ? 127.0f / size : 0.0f;
    *scale = are_numbers ? (size > 1e-30f ? size / 127.0f : 0.0f) : __builtin_nanf("");
    integers sum = (integers)0;
    UNROLL for (int i = 0; i < vectors; i++) {
        // Adding 1.5 * 2^23 rounds to a whole number, to even.
        lanes whole = values[i] * (are_numbers ? inverse : 0.0f) + 12582912.0f;
        integers q = __builtin_bit_cast(integers, whole) - __builtin_bit_cast(integers, (lanes)12582912.0f);
        if (!are_numbers) q = (integers)0;
        sum = i % together == 0 ? q : sum + q;
        if ((i + 1) % together == 0) sums[i / together] = __builtin_reduce_add(sum);
        bytes narrow = __builtin_convertvector(q, bytes);
        memcpy(quantized + 16 * i, &narrow, sizeof narrow);
    }
}

#ifndef HAS_DOT_PRODUCTS
// Of each pair of 16-bit values the sum of their products.
INLINE integers VARIANT(multiply_shorts)(words a, words b) {
#ifdef SHORT_VECTOR
    SHORT_VECTOR x[sizeof(words) / sizeof(SHORT_VECTOR)], y[sizeof(words) / sizeof(SHORT_VECTOR)];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    UNROLL for (size_t i = 0; i < sizeof(words) / sizeof(SHORT_VECTOR); i++) x[i] = MULTIPLY_SHORTS(x[i], y[i]);
    integers sum;
    memcpy(&sum, x, sizeof sum);
    return sum;
#else
    integers x = __builtin_bit_cast(integers, a), y = __builtin_bit_cast(integers, b);
    return (x << 16 >> 16) * (y << 16 >> 16) + (x >> 16) * (y >> 16);
#endif
}
#endif

// sum + the four products of unsigned bytes of a with signed bytes of b.
INLINE integers VARIANT(dot_quads)(integers sum, words a, words b) {
#ifdef HAS_DOT_PRODUCTS
    return (integers)_mm512_dpbusd_epi32((__m512i)sum, (__m512i)a, (__m512i)b);
#else
    typedef int16_t shorts __attribute__((ext_vector_type(32)));
    shorts signed_pairs = __builtin_bit_cast(shorts, b);
    words even = __builtin_bit_cast(words, (shorts)(signed_pairs << 8 >> 8));
    words odd = __builtin_bit_cast(words, (shorts)(signed_pairs >> 8));
    return sum + VARIANT(multiply_shorts)(a & 0x00ff00ff, even) + VARIANT(multiply_shorts)(a >> 8 & 0x00ff00ff, odd);
#endif
}

static void VARIANT(pack_column_quads)(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    float values[FALCON_GROUP];
    int8_t quantized[FALCON_GROUP];
    int sum;
    (void)depth;
    for (size_t k = start; k < end; k++) {
        uint32_t bits = VARIANT(value_bits)(source, type, k);
        memcpy(values + (k - start), &bits, 4);
    }
    uint32_t *words = (uint32_t *)panel + column + start / FALCON_GROUP * FALCON_PANEL * (1 + FALCON_GROUP / 4);
    VARIANT(quantize)(values, end - start, 4, 4, quantized, (float *)words, &sum);
    for (size_t quad = 0; quad < FALCON_GROUP / 4; quad++) {
        uint32_t bits;
        memcpy(&bits, quantized + 4 * quad, 4);
        words[(1 + quad) * FALCON_PANEL] = bits ^ 0x80808080;
    }
}

// Rows of a block, group by group: [rows] corrections, [rows] scales, [16 quads][rows].
static void VARIANT(pack_quads)(const float *x, size_t rows, size_t depth, void *target_rows) {
    uint32_t *packed = target_rows;
    for (size_t r = 0; r < rows; r++, x += depth) {
        uint32_t *target = packed + r;
        for (size_t k = 0; k < depth; k += FALCON_GROUP, target += (2 + FALCON_GROUP / 4) * rows) {
            int8_t quantized[FALCON_GROUP];
            int sum;
            float scale;
            size_t count = depth - k < FALCON_GROUP ? depth - k : FALCON_GROUP;
            // Weights lie 128 higher than they are.
            VARIANT(quantize)(x + k, count, 4, 4, quantized, &scale, &sum);
            int32_t correction = -128 * sum;
            memcpy(target, &correction, 4);
            memcpy(target + rows, &scale, 4);
            for (size_t quad = 0; quad < FALCON_GROUP / 4; quad++)
                memcpy(target + (2 + quad) * rows, quantized + 4 * quad, 4);
        }
    }
}

// `rows` x `panels` outputs at once; both are constants where this is inlined, so the sums stay in registers.
INLINE void VARIANT(quad_tile)(
    int rows, int panels, const falcon_product *product, const uint32_t *x, size_t first, float *out) {
    lanes sum[QUAD_ROWS][8];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++) sum[r][j] = (lanes)0.0f;
    size_t groups = (product->depth + FALCON_GROUP - 1) / FALCON_GROUP;
    const size_t group_words = FALCON_PANEL * (1 + FALCON_GROUP / 4);
    const uint32_t *weight = (const uint32_t *)product->panels + first * groups * group_words;
    const size_t row_words = (2 + FALCON_GROUP / 4) * (size_t)rows;
    NO_UNROLL for (size_t group = 0; group < groups; group++, weight += group_words, x += row_words) {
        integers exact[QUAD_ROWS][8];
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int j = 0; j < 2 * panels; j++) exact[r][j] = (integers)(int32_t)x[r];
        NO_UNROLL for (size_t quad = 0; quad < FALCON_GROUP / 4; quad++) {
            const uint32_t *step = weight + FALCON_PANEL * (1 + quad), *values = x + (2 + quad) * rows;
            words w[8];
            // Four panels at once are four streams, which keep memory busy by themselves.
            UNROLL for (int j = 0; j < 2 * panels && panels < 4; j++)
                __builtin_prefetch(
                    step + (size_t)(j / 2) * groups * group_words + (size_t)(j % 2) * 16 + AHEAD / 4, 0, 3);
            UNROLL for (int j = 0; j < 2 * panels; j++)
                w[j] = VARIANT(load_words)(step + (size_t)(j / 2) * groups * group_words + (size_t)(j % 2) * 16);
            UNROLL for (int r = 0; r < rows; r++) {
                words broadcast = (words)values[r];
                UNROLL for (int j = 0; j < 2 * panels; j++)
                    exact[r][j] = VARIANT(dot_quads)(exact[r][j], w[j], broadcast);
            }
        }
        UNROLL for (int j = 0; j < 2 * panels; j++) {
            lanes scale = VARIANT(load)(
                (const float *)weight + (size_t)(j / 2) * groups * group_words + (size_t)(j % 2) * 16);
            UNROLL for (int r = 0; r < rows; r++) {
                float row_scale;
                memcpy(&row_scale, x + rows + r, 4);
                sum[r][j] = __builtin_elementwise_fma(
                    __builtin_convertvector(exact[r][j], lanes), scale * row_scale, sum[r][j]);
            }
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++)
            VARIANT(put)(product, out + (size_t)r * product->stride, first * FALCON_PANEL + (size_t)j * 16, sum[r][j]);
}

#define TILE(R, P)                                                                                       \
    case R:                                                                                              \
        for (; panel + P <= end; panel += P) VARIANT(quad_tile)(R, P, product, x, panel, out);           \
        for (; P > 1 && panel < end; panel++) VARIANT(quad_tile)(R, 1, product, x, panel, out);          \
        break;

static void VARIANT(multiply_quads)(
    const falcon_product *product, const void *packed, size_t rows, size_t panel, size_t end,
    const char *const ahead[2], float *out) {
    const uint32_t *x = packed;
    (void)ahead;
    switch (rows) {
        QUAD_TILES
    }
}
#undef TILE

static double VARIANT(peak_quads)(size_t steps, float *sink) {
    PEAK(integers, (integers)i, words w = (words)0x01020304u; words x = (words)(uint32_t)steps,
         VARIANT(dot_quads)(chain[i], w, x), 4)
}

#define QUAD_FORM                                                                                           \
    {FALCON_GROUP, FALCON_PANEL * (4 + FALCON_GROUP), 8 + FALCON_GROUP, QUAD_ROWS, QUAD_PANELS,             \
     VARIANT(pack_column_quads), VARIANT(pack_quads), VARIANT(multiply_quads), VARIANT(peak_quads)}

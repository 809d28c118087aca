// Products of bfloat16 values with float32 sums: pairs along the depth, in 32-bit words with the earlier value low.

// The dot products of AVX-512 take and give 0 for numbers below the smallest normal one, whatever the mode. So that
// all variants give the same bits, everything about pairs is computed in that mode.
INLINE unsigned VARIANT(flush_subnormals)(void) {
#if defined(__x86_64__)
    unsigned mode = _mm_getcsr();
    _mm_setcsr(mode | 0x8040);
    return mode;
#else
    return 0;
#endif
}

INLINE void VARIANT(restore)(unsigned mode) {
#if defined(__x86_64__)
    _mm_setcsr(mode);
#else
    (void)mode;
#endif
}

// sum + later product + earlier product, rounded after each. Products of two bfloat16 values are exact in float32
// unless they are below the smallest normal number, so that elsewhere a product with a sum behind it has the bits of
// a fused multiply-add.
INLINE lanes VARIANT(dot_pairs)(lanes sum, words a, words b) {
#ifdef HAS_DOT_PRODUCTS
    return (lanes)_mm512_dpbf16_ps((__m512)sum, (__m512bh)a, (__m512bh)b);
#else
    lanes late = __builtin_bit_cast(lanes, a & 0xffff0000), early = __builtin_bit_cast(lanes, a << 16);
    lanes late_b = __builtin_bit_cast(lanes, b & 0xffff0000), early_b = __builtin_bit_cast(lanes, b << 16);
#ifdef LACKS_FUSED_MULTIPLY_ADD
    return (sum + late * late_b) + early * early_b;
#else
    return __builtin_elementwise_fma(early, early_b, __builtin_elementwise_fma(late, late_b, sum));
#endif
#endif
}

#ifndef HAS_DOT_PRODUCTS
// bfloat16 in the upper half, rounded to nearest even; NaN stays NaN.
INLINE words VARIANT(rounded)(lanes x) {
    words bits = __builtin_bit_cast(words, x);
    words up = bits + 0x7fff + ((bits >> 16) & 1);
    return (bits & 0x7fffffff) > 0x7f800000 ? (bits | 0x400000) : up;
}
#endif

INLINE words VARIANT(load_words)(const uint32_t *p) {
    words v;
    memcpy(&v, p, sizeof v);
    return v;
}

// 16 pairs of a row, rounded; zeros behind its `count` values.
INLINE words VARIANT(pairs_of)(const float *source, size_t count) {
    float values[32];
    if (count < 32) {
        memset(values, 0, sizeof values);
        memcpy(values, source, count * sizeof(float));
        source = values;
    }
    lanes a = VARIANT(load)(source), b = VARIANT(load)(source + 16);
#ifdef HAS_DOT_PRODUCTS
    // Numbers below the smallest normal one become 0, as which the dot products take them.
    return (words)_mm512_cvtne2ps_pbh((__m512)b, (__m512)a);
#else
    lanes early = __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
    lanes late = __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
    return (VARIANT(rounded)(early) >> 16) | (VARIANT(rounded)(late) & 0xffff0000);
#endif
}

static void VARIANT(pack_column_pairs)(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    uint32_t *words = (uint32_t *)panel + column;
    size_t k = start;
    if (type == FALCON_BFLOAT16)
        for (; k + 2 <= end; k += 2) memcpy(words + k / 2 * FALCON_PANEL, (const char *)source + 2 * k, 4);
    for (; k < end; k += 2) {
        uint32_t late = k + 1 < depth ? VARIANT(rounded_bits)(VARIANT(value_bits)(source, type, k + 1)) : 0;
        words[k / 2 * FALCON_PANEL] = VARIANT(rounded_bits)(VARIANT(value_bits)(source, type, k)) | late << 16;
    }
}

// Rounds x [rows, depth], at most 16 rows, and interleaves it as [pairs][rows].
static void VARIANT(pack_pairs)(const float *x, size_t rows, size_t depth, void *target_rows) {
    uint32_t *packed = target_rows;
    size_t pairs = (depth + 1) / 2, pair = 0;
    // Many rows are turned over in registers. What a pair's vector holds beside its rows is overwritten by the next,
    // but for the last ones.
    if (PAIR_ROWS >= 6 && rows >= 6)
        for (; 2 * pair + 32 <= depth; pair += 16) {
            lanes block[16];
            for (size_t r = 0; r < 16; r++)
                block[r] = r < rows
                    ? __builtin_bit_cast(lanes, VARIANT(pairs_of)(x + r * depth + 2 * pair, 32)) : (lanes)0.0f;
            VARIANT(transpose)(block);
            // Decided once for all of them: for each alone, compilers make one copy of unknown length of the two.
            uint32_t *target = packed + pair * rows;
            if ((pair + 15) * rows + 16 <= pairs * rows)
                UNROLL for (size_t i = 0; i < 16; i++) memcpy(target + i * rows, &block[i], sizeof block[i]);
            else
                UNROLL for (size_t i = 0; i < 16; i++) {
                    uint32_t single[16];
                    memcpy(single, &block[i], sizeof single);
                    memcpy(target + i * rows, single, rows * sizeof(uint32_t));
                }
        }
    size_t first = pair;
    for (size_t r = 0; r < rows; r++)
        for (pair = first; pair < pairs; pair += 16) {
            size_t left = depth - 2 * pair;
            words both = VARIANT(pairs_of)(x + r * depth + 2 * pair, left < 32 ? left : 32);
            if (rows == 1 && left >= 32) {
                memcpy(packed + pair, &both, sizeof both);
                continue;
            }
            uint32_t single[16];
            memcpy(single, &both, sizeof both);
            for (size_t i = 0; i < 16 && pair + i < pairs; i++) packed[(pair + i) * rows + r] = single[i];
        }
}

// `rows` x one panel of outputs at once; `rows` is a constant where this is inlined, so the sums stay in registers.
// `ahead`: two halves of a panel, of what will be read next, or the same half twice; null where nothing is known.
INLINE void VARIANT(pair_tile)(
    int rows, const falcon_product *product, const uint32_t *x, size_t panel, const char *const ahead[2], float *out) {
    lanes sum[PAIR_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2; j++) sum[r][j] = (lanes)0.0f;
    size_t pairs = (product->depth + 1) / 2;
    const uint32_t *weight = (const uint32_t *)product->panels + panel * pairs * FALCON_PANEL;
    // With nothing to fetch, ask for what is near already.
    const char *one = ahead[0] ? ahead[0] : (const char *)weight, *other = ahead[0] ? ahead[1] : (const char *)weight;
    NO_UNROLL for (size_t pair = 0; pair < pairs; pair++, weight += FALCON_PANEL, x += rows) {
        if (rows > 3) {
            __builtin_prefetch(one + 64 * pair, 0, 2);
            __builtin_prefetch(other + 64 * pair, 0, 2);
        }
        words w[2];
        UNROLL for (int j = 0; j < 2; j++) w[j] = VARIANT(load_words)(weight + 16 * j);
        UNROLL for (int r = 0; r < rows; r++) {
            words broadcast = (words)x[r];
            UNROLL for (int j = 0; j < 2; j++) sum[r][j] = VARIANT(dot_pairs)(sum[r][j], w[j], broadcast);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2; j++)
            VARIANT(put)(product, out + (size_t)r * product->stride, panel * FALCON_PANEL + (size_t)j * 16, sum[r][j]);
}

#define TILE(R)                                                                                   \
    case R:                                                                                       \
        for (; panel < end; panel++) VARIANT(pair_tile)(R, product, x, panel, ahead, out);        \
        break;

// Not inlined: its arithmetic must stay inside the mode that the caller sets.
static __attribute__((noinline)) void VARIANT(multiply_flushed_pairs)(
    const falcon_product *product, const uint32_t *x, size_t rows, size_t panel, size_t end,
    const char *const ahead[2], float *out) {
    switch (rows) {
        PAIR_TILES
    }
}
#undef TILE

static void VARIANT(multiply_pairs)(
    const falcon_product *product, const void *x, size_t rows, size_t panel, size_t end, const char *const ahead[2],
    float *out) {
    unsigned mode = VARIANT(flush_subnormals)();
    VARIANT(multiply_flushed_pairs)(product, x, rows, panel, end, ahead, out);
    VARIANT(restore)(mode);
}

static double VARIANT(peak_pairs)(size_t steps, float *sink) {
    PEAK(lanes, (lanes)(float)i, words w = (words)0x3f803f80u; words x = (words)(uint32_t)steps,
         VARIANT(dot_pairs)(chain[i], w, x), 2)
}

#define PAIR_FORM                                                                                           \
    {2, FALCON_PANEL * 4, 4, PAIR_ROWS, 1, VARIANT(pack_column_pairs), VARIANT(pack_pairs), VARIANT(multiply_pairs), \
     VARIANT(peak_pairs)}

// Pairs of bfloat16 taken apart: two fused multiply-adds in place of each dot product, with the same bits. On Intel's
// processors one dot product takes the time of four fused multiply-adds, so that this is nearly twice as fast where the
// taking apart is shared by a few rows; a row or two are bound by memory, and keep the dot products.
//
// Rows lie as [pairs][rows][2] float32, rounded to bfloat16, the earlier value first; those few as pairs of bfloat16.

// The most rows of a tile: with the halves of two vectors of weights they fill 32 registers.
#define SPLIT_ROWS 12
#define SPLIT_TILES \
    TILE(3) TILE(4) TILE(5) TILE(6) TILE(7) TILE(8) TILE(9) TILE(10) TILE(11) TILE(12)
enum { VARIANT(dotted_rows) = 2 };

static void VARIANT(pack_split_pairs)(const float *x, size_t rows, size_t depth, void *target_rows) {
    if (rows <= VARIANT(dotted_rows)) {
        VARIANT(pack_pairs)(x, rows, depth, target_rows);
        return;
    }
    float *packed = target_rows;
    size_t pairs = (depth + 1) / 2;
    for (size_t pair = 0; pair < pairs; pair += 16) {
        size_t left = depth - 2 * pair, count = pairs - pair < 16 ? pairs - pair : 16;
        lanes block[16];
        for (size_t r = 0; r < 16; r++)
            block[r] = r < rows
                ? __builtin_bit_cast(lanes, VARIANT(pairs_of)(x + r * depth + 2 * pair, left < 32 ? left : 32))
                : (lanes)0.0f;
        VARIANT(transpose)(block);
        for (size_t i = 0; i < count; i++) {
            words both = __builtin_bit_cast(words, block[i]), early = both << 16, late = both & 0xffff0000;
            words low = __builtin_shufflevector(early, late, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
            words high =
                __builtin_shufflevector(early, late, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
            float *target = packed + 2 * (pair + i) * rows;
            // What a pair's vectors hold beside its rows is overwritten by the next, but for the last ones.
            if ((pair + i) * rows + 16 <= pairs * rows) {
                memcpy(target, &low, sizeof low);
                memcpy(target + 16, &high, sizeof high);
            } else {
                uint64_t single[16];
                memcpy(single, &low, sizeof low);
                memcpy(single + 8, &high, sizeof high);
                memcpy(target, single, 8 * rows);
            }
        }
    }
}

// `rows` x one panel of outputs at once, as `pair_tile`.
INLINE void VARIANT(split_tile)(
    int rows, const falcon_product *product, const float *x, size_t panel, const char *const ahead[2], float *out) {
    lanes sum[SPLIT_ROWS][2];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2; j++) sum[r][j] = (lanes)0.0f;
    size_t pairs = (product->depth + 1) / 2;
    const uint32_t *weight = (const uint32_t *)product->panels + panel * pairs * FALCON_PANEL;
    const char *one = ahead[0] ? ahead[0] : (const char *)weight, *other = ahead[0] ? ahead[1] : (const char *)weight;
    NO_UNROLL for (size_t pair = 0; pair < pairs; pair++, weight += FALCON_PANEL, x += 2 * rows) {
        __builtin_prefetch(one + 64 * pair, 0, 2);
        __builtin_prefetch(other + 64 * pair, 0, 2);
        lanes late[2], early[2];
        UNROLL for (int j = 0; j < 2; j++) {
            words both = VARIANT(load_words)(weight + 16 * j);
            late[j] = __builtin_bit_cast(lanes, both & 0xffff0000);
            early[j] = __builtin_bit_cast(lanes, both << 16);
        }
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int j = 0; j < 2; j++)
                sum[r][j] = __builtin_elementwise_fma(late[j], (lanes)x[2 * r + 1], sum[r][j]);
        UNROLL for (int r = 0; r < rows; r++)
            UNROLL for (int j = 0; j < 2; j++)
                sum[r][j] = __builtin_elementwise_fma(early[j], (lanes)x[2 * r], sum[r][j]);
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2; j++)
            VARIANT(put)(product, out + (size_t)r * product->stride, panel * FALCON_PANEL + (size_t)j * 16, sum[r][j]);
}

#define TILE(R)                                                                            \
    case R:                                                                                \
        for (; panel < end; panel++) VARIANT(split_tile)(R, product, x, panel, ahead, out); \
        break;

// Not inlined: its arithmetic must stay inside the mode that the caller sets.
static __attribute__((noinline)) void VARIANT(multiply_flushed_split_pairs)(
    const falcon_product *product, const float *x, size_t rows, size_t panel, size_t end, const char *const ahead[2],
    float *out) {
    switch (rows) {
        SPLIT_TILES
    }
}
#undef TILE

static void VARIANT(multiply_split_pairs)(
    const falcon_product *product, const void *x, size_t rows, size_t panel, size_t end, const char *const ahead[2],
    float *out) {
    if (rows <= VARIANT(dotted_rows)) {
        VARIANT(multiply_pairs)(product, x, rows, panel, end, ahead, out);
        return;
    }
    unsigned mode = VARIANT(flush_subnormals)();
    VARIANT(multiply_flushed_split_pairs)(product, x, rows, panel, end, ahead, out);
    VARIANT(restore)(mode);
}

static double VARIANT(peak_split_pairs)(size_t steps, float *sink) {
    PEAK(lanes, (lanes)(float)i, lanes w = (lanes)1.0f; lanes x = (lanes)(float)steps,
         __builtin_elementwise_fma(w, x, __builtin_elementwise_fma(x, w, chain[i])), 2)
}

#define SPLIT_PAIR_FORM                                                                            \
    {2, FALCON_PANEL * 4, 8, SPLIT_ROWS, 1, VARIANT(pack_column_pairs), VARIANT(pack_split_pairs), \
     VARIANT(multiply_split_pairs), VARIANT(peak_split_pairs)}

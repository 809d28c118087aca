// Products of bfloat16 pairs in the order in which the tile registers of Intel's AMX take them (product_amx.c), for
// processors without those, so that every variant computes this form to the same bits.
//
// Of each 16 pairs the earlier products and the later ones are a chain of fused multiply-adds each, which starts at
// zero; their sum is added to the output's. Rows lie as [16 pairs of the depth][rows][pair], as tiles are loaded.

enum { VARIANT(tile_group) = 32 };

// Pads what lies behind the depth with zeros: tiles are whole.
static void VARIANT(pack_tile_column)(
    const void *source, int type, size_t depth, size_t start, size_t end, size_t column, void *panel) {
    VARIANT(pack_column_pairs)(source, type, depth, start, end, column, panel);
    if (end < depth) return;
    const size_t padded = (depth + VARIANT(tile_group) - 1) / VARIANT(tile_group) * VARIANT(tile_group) / 2;
    for (size_t pair = (depth + 1) / 2; pair < padded; pair++) ((uint32_t *)panel)[pair * FALCON_PANEL + column] = 0;
}

static void VARIANT(pack_tile_rows)(const float *x, size_t rows, size_t depth, void *target_rows) {
    uint32_t *packed = target_rows;
    for (size_t start = 0; start < depth; start += VARIANT(tile_group), packed += 16 * rows)
        for (size_t row = 0; row < rows; row++) {
            const size_t left = depth - start;
            words pairs =
                VARIANT(pairs_of)(x + row * depth + start, left < VARIANT(tile_group) ? left : VARIANT(tile_group));
            memcpy(packed + 16 * row, &pairs, sizeof pairs);
        }
}

INLINE lanes VARIANT(add_product)(lanes sum, words a, words b) {
    lanes left = __builtin_bit_cast(lanes, a), right = __builtin_bit_cast(lanes, b);
#ifdef LACKS_FUSED_MULTIPLY_ADD
    return sum + left * right;
#else
    return __builtin_elementwise_fma(left, right, sum);
#endif
}

// Not inlined: its arithmetic must stay inside the mode that the caller sets.
static __attribute__((noinline)) void VARIANT(multiply_flushed_tile_pairs)(
    const falcon_product *product, const uint32_t *x, size_t rows, size_t first, size_t end, float *out) {
    const size_t groups = (product->depth + VARIANT(tile_group) - 1) / VARIANT(tile_group);
    for (size_t panel = first; panel < end; panel++)
        for (size_t row = 0; row < rows; row++) {
            const uint32_t *weight = (const uint32_t *)product->panels + panel * groups * 16 * FALCON_PANEL;
            const uint32_t *pairs = x + 16 * row;
            lanes sum[2] = {(lanes)0.0f, (lanes)0.0f};
            NO_UNROLL for (size_t group = 0; group < groups; group++, pairs += 16 * rows) {
                lanes earlier[2] = {(lanes)0.0f, (lanes)0.0f}, later[2] = {(lanes)0.0f, (lanes)0.0f};
                NO_UNROLL for (size_t pair = 0; pair < 16; pair++, weight += FALCON_PANEL) {
                    const words value = (words)pairs[pair];
                    UNROLL for (int j = 0; j < 2; j++) {
                        const words both = VARIANT(load_words)(weight + 16 * j);
                        earlier[j] = VARIANT(add_product)(earlier[j], both << 16, value << 16);
                        later[j] = VARIANT(add_product)(later[j], both & 0xffff0000, value & 0xffff0000);
                    }
                }
                UNROLL for (int j = 0; j < 2; j++) sum[j] += earlier[j] + later[j];
            }
            UNROLL for (int j = 0; j < 2; j++)
                VARIANT(put)(product, out + row * product->stride, panel * FALCON_PANEL + (size_t)j * 16, sum[j]);
        }
}

static void VARIANT(multiply_tile_pairs)(
    const falcon_product *product, const void *x, size_t rows, size_t first, size_t end, const char *const ahead[2],
    float *out) {
    (void)ahead;
    unsigned mode = VARIANT(flush_subnormals)();
    VARIANT(multiply_flushed_tile_pairs)(product, x, rows, first, end, out);
    VARIANT(restore)(mode);
}

#define TILE_PAIR_FORM(MULTIPLY, PEAK)                                                                          \
    {VARIANT(tile_group), FALCON_PANEL * 2 * VARIANT(tile_group), 2 * VARIANT(tile_group), 32, 1,               \
     VARIANT(pack_tile_column), VARIANT(pack_tile_rows), MULTIPLY, PEAK}

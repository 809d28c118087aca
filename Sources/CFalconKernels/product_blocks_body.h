// Products with weights of 4, 5, 6 and 8 bits and rows of 8 bits, both in groups of 32 values of the depth with their
// own scales. The sum of a group is exact; one chain of fused multiply-adds goes over the groups: of each first its
// sum, times the product of the two scales (with two scales a group the earlier half's first), then its minimum, times
// the row's scaled sum.

// 16 half-precision numbers, exact.
INLINE lanes VARIANT(widen_halves)(const void *source) {
#ifdef WIDEN_HALVES
    return WIDEN_HALVES(source);
#else
    words h = __builtin_convertvector(*(const halves_unaligned *)source, words), magnitude = h & 0x7fff;
    lanes scaled = __builtin_bit_cast(lanes, magnitude << 13) * 0x1p112f;
    words bits = magnitude >= 0x7c00 ? magnitude << 13 | 0x7f800000 : __builtin_bit_cast(words, scaled);
    return __builtin_bit_cast(lanes, bits | (h & 0x8000) << 16);
#endif
}

INLINE lanes VARIANT(widen_brains)(const void *source) {
    return __builtin_bit_cast(lanes, __builtin_convertvector(*(const halves_unaligned *)source, words) << 16);
}

INLINE lanes VARIANT(widen_bytes)(const void *source) {
    typedef uint8_t unsigned_bytes __attribute__((ext_vector_type(16)));
    unsigned_bytes b;
    memcpy(&b, source, sizeof b);
    return __builtin_convertvector(__builtin_convertvector(b, integers), lanes);
}

INLINE lanes VARIANT(widen_signed_bytes)(const void *source) {
    bytes b;
    memcpy(&b, source, sizeof b);
    return __builtin_convertvector(__builtin_convertvector(b, integers), lanes);
}

// What a table says of bytes below 16.
INLINE words VARIANT(look_up)(words bytes_below, int table) {
#ifdef LOOK_UP
    typedef LOOK_UP_VECTOR vector;
    vector part[sizeof(words) / sizeof(vector)], values;
    memcpy(part, &bytes_below, sizeof part);
    for (size_t i = 0; i < sizeof(vector) / 16; i++) memcpy((char *)&values + 16 * i, falcon_value_tables[table], 16);
    UNROLL for (size_t i = 0; i < sizeof(words) / sizeof(vector); i++) part[i] = LOOK_UP(values, part[i]);
    memcpy(&bytes_below, part, sizeof part);
    return bytes_below;
#else
    uint8_t each[sizeof(words)];
    memcpy(each, &bytes_below, sizeof each);
    for (size_t i = 0; i < sizeof each; i++) each[i] = falcon_value_tables[table][each[i]];
    memcpy(&bytes_below, each, sizeof each);
    return bytes_below;
#endif
}

// Quads t < 4 and t + 4 of 16 columns.
INLINE void VARIANT(two_quads)(int bits, int table, const uint32_t *source, int t, words *early, words *late) {
    if (bits == 8) {
        *early = VARIANT(load_words)(source + 16 * t);
        *late = VARIANT(load_words)(source + 16 * (t + 4));
        return;
    }
    words low = VARIANT(load_words)(source + 16 * (bits - 4 + t));
    *early = low & 0x0f0f0f0f;
    *late = low >> 4 & 0x0f0f0f0f;
    if (table) {
        *early = VARIANT(look_up)(*early, table);
        *late = VARIANT(look_up)(*late, table);
    }
    if (bits == 5) {
        words high = VARIANT(load_words)(source);
        *early |= high << (4 - t) & 0x10101010;
        *late |= (t == 0 ? high : high >> t) & 0x10101010;
    } else if (bits == 6) {
        words first = VARIANT(load_words)(source), second = VARIANT(load_words)(source + 16);
        *early |= (t < 3 ? first << (4 - 2 * t) : first >> 2) & 0x30303030;
        *late |= (t < 3 ? second << (4 - 2 * t) : second >> 2) & 0x30303030;
    }
}

#if !defined(HAS_DOT_PRODUCTS) && defined(MULTIPLY_BYTES)
// Of each pair of an unsigned and a signed byte the sum of their products, 16 bits each.
INLINE words VARIANT(multiply_bytes)(words a, words b) {
    SHORT_VECTOR x[sizeof(words) / sizeof(SHORT_VECTOR)], y[sizeof(words) / sizeof(SHORT_VECTOR)];
    memcpy(x, &a, sizeof x);
    memcpy(y, &b, sizeof y);
    UNROLL for (size_t i = 0; i < sizeof(words) / sizeof(SHORT_VECTOR); i++) x[i] = MULTIPLY_BYTES(x[i], y[i]);
    words products;
    memcpy(&products, x, sizeof products);
    return products;
}
#endif

// Adds the sums of the 16 columns at `source` with the rows' 8 quads: quads 0 ..< 4 to `early`, the others to `late`,
// which may be the same.
INLINE void VARIANT(dot_groups)(
    int bits, int most, int table, int rows, const uint32_t *source, const uint32_t *x, integers *early,
    integers *late) {
    (void)most;
#if !defined(HAS_DOT_PRODUCTS) && defined(MULTIPLY_BYTES)
    // So many pairs of products fit 16 bits.
    const int fitting = 32767 / (2 * 127 * most);
    if (fitting > 1) {
        typedef uint16_t shorts __attribute__((ext_vector_type(32)));
        shorts near[BLOCK_ROWS], far[BLOCK_ROWS];
        UNROLL for (int t = 0; t < 4; t++) {
            words first, second;
            VARIANT(two_quads)(bits, table, source, t, &first, &second);
            UNROLL for (int r = 0; r < rows; r++) {
                shorts a = __builtin_bit_cast(shorts, VARIANT(multiply_bytes)(first, (words)x[t * rows + r]));
                shorts b = __builtin_bit_cast(shorts, VARIANT(multiply_bytes)(second, (words)x[(t + 4) * rows + r]));
                int begins = fitting < 4 ? t % 2 == 0 : t == 0, ends = fitting < 4 ? t % 2 == 1 : t == 3;
                near[r] = begins ? a : near[r] + a;
                far[r] = begins ? b : far[r] + b;
                if (!ends) continue;
                early[r] += VARIANT(multiply_shorts)(__builtin_bit_cast(words, near[r]), (words)0x00010001);
                late[r] += VARIANT(multiply_shorts)(__builtin_bit_cast(words, far[r]), (words)0x00010001);
            }
        }
        return;
    }
#endif
    UNROLL for (int t = 0; t < 4; t++) {
        words first, second;
        VARIANT(two_quads)(bits, table, source, t, &first, &second);
        UNROLL for (int r = 0; r < rows; r++) {
            early[r] = VARIANT(dot_quads)(early[r], first, (words)x[t * rows + r]);
            late[r] = VARIANT(dot_quads)(late[r], second, (words)x[(t + 4) * rows + r]);
        }
    }
}

// `rows` x half a panel of outputs at once; what is constant where this is inlined keeps the sums in registers.
INLINE void VARIANT(block_tile)(
    int bits, int kind, int most, int table, int rows, const falcon_product *product, const uint32_t *x, size_t half,
    float *out) {
    const size_t group = FALCON_SHORT_GROUP * FALCON_GROUPS(kind), heads = (product->depth + group - 1) / group;
    const char *weight = (const char *)product->panels + half * heads * FALCON_HALF_BYTES(bits, kind);
    lanes sum[BLOCK_ROWS], scale_of_all, minimum_of_all;
    UNROLL for (int r = 0; r < rows; r++) sum[r] = (lanes)0.0f;
    NO_UNROLL for (size_t head = 0; head < heads; head++) {
        if (kind >= FALCON_RANGED_TWICE) scale_of_all = VARIANT(widen_halves)(weight);
        if (kind == FALCON_RANGED_TWICE) minimum_of_all = -VARIANT(widen_halves)(weight + 32);
        weight += FALCON_HEAD_BYTES(kind);
        NO_UNROLL for (int inside = 0; inside < FALCON_GROUPS(kind); inside++) {
            UNROLL for (int line = 0; line < (FALCON_GROUP_BYTES(bits, kind) + 63) / 64; line++)
                __builtin_prefetch(weight + AHEAD + 64 * line, 0, 3);
            lanes scale, second = (lanes)0.0f;
            if (kind == FALCON_SCALED || kind == FALCON_RANGED) scale = VARIANT(widen_halves)(weight);
            if (kind == FALCON_RANGED) second = VARIANT(widen_halves)(weight + 32);
            if (kind == FALCON_BRAIN_SCALED || kind == FALCON_BRAIN_RANGED) scale = VARIANT(widen_brains)(weight);
            if (kind == FALCON_BRAIN_RANGED) {
                second = VARIANT(widen_brains)(weight + 32);
            } else if (kind == FALCON_RANGED_TWICE) {
                scale = scale_of_all * VARIANT(widen_bytes)(weight);
                second = minimum_of_all * VARIANT(widen_bytes)(weight + 16);
            } else if (kind == FALCON_SCALED_TWICE) {
                scale = scale_of_all * VARIANT(widen_signed_bytes)(weight);
                second = scale_of_all * VARIANT(widen_signed_bytes)(weight + 16);
            }
            integers exact[BLOCK_ROWS], later[BLOCK_ROWS];
            UNROLL for (int r = 0; r < rows; r++) {
                exact[r] = (integers)(int32_t)x[r];
                if (kind == FALCON_SCALED_TWICE) later[r] = (integers)(int32_t)x[2 * rows + r];
            }
            VARIANT(dot_groups)(
                bits, most, table, rows, (const uint32_t *)(weight + FALCON_SCALE_BYTES(kind)), x + 3 * rows, exact,
                kind == FALCON_SCALED_TWICE ? later : exact);
            UNROLL for (int r = 0; r < rows; r++) {
                float row_scale, row_sum;
                memcpy(&row_scale, x + rows + r, 4);
                memcpy(&row_sum, x + 2 * rows + r, 4);
                lanes both = scale * row_scale;
                sum[r] = __builtin_elementwise_fma(__builtin_convertvector(exact[r], lanes), both, sum[r]);
                if (kind == FALCON_SCALED_TWICE)
                    sum[r] = __builtin_elementwise_fma(
                        __builtin_convertvector(later[r], lanes), second * row_scale, sum[r]);
                else if (kind != FALCON_SCALED && kind != FALCON_BRAIN_SCALED)
                    sum[r] = __builtin_elementwise_fma(second, (lanes)row_sum, sum[r]);
            }
            weight += FALCON_GROUP_BYTES(bits, kind);
            x += FALCON_ROW_WORDS * (size_t)rows;
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        VARIANT(put)(product, out + (size_t)r * product->stride, half * FALCON_HALF_PANEL, sum[r]);
}

// Rows of a block, group by group: FALCON_ROW_WORDS of [rows].
INLINE void VARIANT(pack_block_rows)(
    int kind, int above, const float *x, size_t rows, size_t depth, uint32_t *packed) {
    const size_t group = FALCON_SHORT_GROUP * FALCON_GROUPS(kind), padded = (depth + group - 1) / group * group;
    for (size_t r = 0; r < rows; r++, x += depth) {
        uint32_t *target = packed + r;
        for (size_t k = 0; k < padded; k += FALCON_SHORT_GROUP, target += FALCON_ROW_WORDS * rows) {
            size_t count = k >= depth ? 0 : depth - k < FALCON_SHORT_GROUP ? depth - k : FALCON_SHORT_GROUP;
            int8_t quantized[FALCON_SHORT_GROUP];
            int sums[2] = {0, 0}, together = kind == FALCON_SCALED_TWICE ? 1 : 2;
            float scale;
            VARIANT(quantize)(x + (k < depth ? k : 0), count, 2, together, quantized, &scale, sums);
            int ranged = kind == FALCON_RANGED || kind == FALCON_BRAIN_RANGED || kind == FALCON_RANGED_TWICE;
            int32_t begin = -above * (kind == FALCON_SCALED_TWICE ? sums[0] : sums[0] + sums[1]);
            int32_t later = -above * sums[1];
            float scaled = scale * (float)(sums[0] + sums[1]);
            memcpy(target, &begin, 4);
            memcpy(target + rows, &scale, 4);
            memcpy(target + 2 * rows, ranged ? (const void *)&scaled : &later, 4);
            for (size_t quad = 0; quad < FALCON_SHORT_GROUP / 4; quad++)
                memcpy(target + (3 + quad) * rows, quantized + 4 * quad, 4);
        }
    }
}

#define TILE(R) \
    case R: \
        for (size_t half = 2 * panel; half < 2 * end; half++) \
            VARIANT(block_tile)(bits, kind, most, table, R, product, x, half, out); \
        break;
#define LOOPS(NAME, CODE, BITS, KIND, ABOVE, MOST, TABLE) \
    static void VARIANT(pack_rows_##NAME)(const float *x, size_t rows, size_t depth, void *packed) { \
        VARIANT(pack_block_rows)(KIND, ABOVE, x, rows, depth, packed); \
    } \
    static void VARIANT(multiply_##NAME)( \
        const falcon_product *product, const void *packed, size_t rows, size_t panel, size_t end, \
        const char *const ahead[2], float *out) { \
        const uint32_t *x = packed; \
        enum { bits = BITS, kind = KIND, most = MOST, table = TABLE }; \
        (void)ahead; \
        switch (rows) { BLOCK_TILES } \
    }
FALCON_BLOCK_FORMS(LOOPS)
#undef LOOPS
#undef TILE

#define BLOCK_FORM(NAME, CODE, BITS, KIND, ABOVE, MOST, TABLE) \
    [FALCON_##CODE##_PANELS] = { \
        FALCON_SHORT_GROUP * FALCON_GROUPS(KIND), 2 * FALCON_HALF_BYTES(BITS, KIND), \
        4 * FALCON_ROW_WORDS * FALCON_GROUPS(KIND), BLOCK_ROWS, 1, falcon_pack_column_##NAME, \
        VARIANT(pack_rows_##NAME), VARIANT(multiply_##NAME), VARIANT(peak_quads)},

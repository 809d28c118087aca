// Products of bfloat16 values with float32 sums, for training. Included by a variant file through training_body.h.
//
// Both operands are rounded and packed once, by pairs along the depth (two bfloat16 values in one 32-bit word, the
// earlier one low), which is how a dot-product instruction reads them:
//
//   right  panels of PANEL columns:      [pairs][PANEL]
//   left   blocks of PRODUCT_ROWS rows:  [pairs][PRODUCT_ROWS]
//
// A processor without the instruction widens the pairs and multiplies in float32, at float32's speed.

#define PRODUCT_ROWS (LANES == 16 ? 6 : 3)

typedef uint32_t words __attribute__((ext_vector_type(LANES)));

// bfloat16 in the upper half, rounded to nearest even; NaN stays NaN.
static inline __attribute__((always_inline)) words rounded(floats x) {
    words bits = (words)x;
    words up = bits + 0x7fff + ((bits >> 16) & 1);
    return ((bits & 0x7fffffff) > 0x7f800000) ? (bits | 0x400000) : up;
}

static inline __attribute__((always_inline)) words pair_of(floats low, floats high) {
    return (rounded(low) >> 16) | (rounded(high) & 0xffff0000);
}

static inline uint32_t pair_of_values(float low, float high) {
    return pair_of((floats)low, (floats)high)[0];
}

#if LANES == 16
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31
#elif LANES == 8
#define EVENS 0, 2, 4, 6, 8, 10, 12, 14
#define ODDS 1, 3, 5, 7, 9, 11, 13, 15
#else
#define EVENS 0, 2, 4, 6
#define ODDS 1, 3, 5, 7
#endif

// Packs `count` columns (or rows) of `source` as one panel (or block) of `width`, the rest of it zero.
// Value d of column c is source[c * stride + d] if `along_depth`, else source[d * stride + c].
static void pack_pairs(
    const float *source, size_t stride, int along_depth, size_t count, size_t width, size_t depth, uint32_t *target
) {
    const size_t pairs = (depth + 1) / 2;
    if (count < width) memset(target, 0, pairs * width * sizeof(uint32_t));
    if (along_depth) {
        for (size_t column = 0; column < count; column++) {
            const float *values = source + column * stride;
            uint32_t *out = target + column;
            size_t pair = 0;
            for (; 2 * (pair + LANES) <= depth; pair += LANES) {
                floats first = load(values + 2 * pair), second = load(values + 2 * pair + LANES);
                words packed = pair_of(
                    __builtin_shufflevector(first, second, EVENS), __builtin_shufflevector(first, second, ODDS));
                for (size_t lane = 0; lane < LANES; lane++) out[(pair + lane) * width] = packed[lane];
            }
            for (; pair < pairs; pair++)
                out[pair * width] =
                    pair_of_values(values[2 * pair], 2 * pair + 1 < depth ? values[2 * pair + 1] : 0);
        }
        return;
    }
    for (size_t pair = 0; pair < pairs; pair++) {
        const float *low = source + 2 * pair * stride, *high = low + stride;
        const int has_high = 2 * pair + 1 < depth;
        uint32_t *out = target + pair * width;
        size_t column = 0;
        for (; column + LANES <= count; column += LANES) {
            words packed = pair_of(load(low + column), has_high ? load(high + column) : (floats)0.0f);
            memcpy(out + column, &packed, sizeof packed);
        }
        for (; column < count; column++) out[column] = pair_of_values(low[column], has_high ? high[column] : 0);
    }
}

// One block of rows times one panel. `rows` is a constant where this is called.
static inline __attribute__((always_inline)) void multiply_block(
    const uint32_t *left, size_t rows, const uint32_t *panel, size_t pairs, float *result, size_t stride,
    size_t columns, float keeping
) {
    floats sums[6][4];
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
    for (size_t pair = 0; pair < pairs; pair++, left += PRODUCT_ROWS, panel += PANEL) {
        words right[4];
        for (size_t part = 0; part < 4; part++) memcpy(&right[part], panel + part * LANES, sizeof(words));
        for (size_t row = 0; row < rows; row++) {
#ifdef HAS_BFLOAT16_DOT
            __m512bh both = (__m512bh)_mm512_set1_epi32((int)left[row]);
            for (size_t part = 0; part < 4; part++)
                sums[row][part] =
                    (floats)_mm512_dpbf16_ps((__m512)sums[row][part], both, (__m512bh)right[part]);
#else
            floats low = (floats)(words)(left[row] << 16), high = (floats)(words)(left[row] & 0xffff0000);
            for (size_t part = 0; part < 4; part++) {
                sums[row][part] += low * (floats)(right[part] << 16);
                sums[row][part] += high * (floats)(right[part] & 0xffff0000);
            }
#endif
        }
    }
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < 4 && part * LANES < columns; part++) {
            float *target = result + row * stride + part * LANES;
            const size_t count = columns - part * LANES;
            floats sum = sums[row][part];
            if (keeping != 0) sum += keeping * get(target, count);
            put(target, count, sum);
        }
}

// result[rows, columns] = keeping * result + left * panel; left: as many blocks as the rows need, one behind the other.
static void multiply_pairs(
    const uint32_t *left, size_t rows, const uint32_t *panel, size_t pairs, float *result, size_t stride,
    size_t columns, float keeping
) {
    for (size_t row = 0; row < rows; row += PRODUCT_ROWS, left += pairs * PRODUCT_ROWS) {
        float *target = result + row * stride;
        const size_t left_over = rows - row < PRODUCT_ROWS ? rows - row : PRODUCT_ROWS;
#define BLOCK(count) multiply_block(left, count, panel, pairs, target, stride, columns, keeping)
        switch (left_over) {
        case 1: BLOCK(1); break;
        case 2: BLOCK(2); break;
        case 3: BLOCK(3); break;
        case 4: BLOCK(4); break;
        case 5: BLOCK(5); break;
        default: BLOCK(PRODUCT_ROWS);
        }
#undef BLOCK
    }
}

// bfloat16 values by pairs, and their packing for products. Included by a variant file through training_body.h.
//
// Both operands of a product are rounded and packed by pairs along the depth (two bfloat16 values in one 32-bit word,
// the earlier one low), which is how a dot-product instruction reads them. A processor without the instruction widens
// the pairs and multiplies in float32, at float32's speed.

// Columns of a panel: sums of four vectors.
#define PANEL (4 * LANES)

typedef uint32_t words __attribute__((ext_vector_type(LANES)));

// bfloat16 in the upper half, rounded to nearest even; NaN stays NaN.
static inline __attribute__((always_inline)) words rounded(floats x) {
    words bits = (words)x;
    words up = bits + 0x7fff + ((bits >> 16) & 1);
    return ((bits & 0x7fffffff) > 0x7f800000) ? (bits | 0x400000) : up;
}

// Where there are dot products, numbers below the smallest normal one become 0, as which those take them.
static inline __attribute__((always_inline)) words pair_of(floats low, floats high) {
#ifdef HAS_BFLOAT16_DOT
    typedef uint16_t halves __attribute__((ext_vector_type(32)));
    halves both = (halves)_mm512_cvtne2ps_pbh((__m512)high, (__m512)low);
    return (words)__builtin_shufflevector(
        both, both, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13,
        29, 14, 30, 15, 31);
#else
    return (rounded(low) >> 16) | (rounded(high) & 0xffff0000);
#endif
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

// sum + left * right, for a pair that all lanes share and a pair of each lane.
static inline __attribute__((always_inline)) floats pair_product(floats sum, uint32_t left, words right) {
#ifdef HAS_BFLOAT16_DOT
    return (floats)_mm512_dpbf16_ps((__m512)sum, (__m512bh)_mm512_set1_epi32((int)left), (__m512bh)right);
#else
    floats low = (floats)(words)(left << 16), high = (floats)(words)(left & 0xffff0000);
    sum += low * (floats)(right << 16);
    return sum + high * (floats)(right & 0xffff0000);
#endif
}

static inline __attribute__((always_inline)) words load_words(const uint32_t *source) {
    words value;
    memcpy(&value, source, sizeof value);
    return value;
}

// Rounds `count` values, all LANES or fewer, to bfloat16.
static inline __attribute__((always_inline)) void put_rounded(uint16_t *target, size_t count, floats x) {
    typedef uint16_t halves __attribute__((ext_vector_type(LANES)));
#ifdef HAS_BFLOAT16_DOT
    halves values = (halves)_mm512_cvtneps_pbh((__m512)x);
#else
    halves values = __builtin_convertvector(rounded(x) >> 16, halves);
#endif
    memcpy(target, &values, (count < LANES ? count : LANES) * sizeof(uint16_t));
}

#if LANES == 16
#define LOWER_HALVES 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define UPPER_HALVES 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif LANES == 8
#define LOWER_HALVES 0, 8, 1, 9, 2, 10, 3, 11
#define UPPER_HALVES 4, 12, 5, 13, 6, 14, 7, 15
#else
#define LOWER_HALVES 0, 4, 1, 5
#define UPPER_HALVES 2, 6, 3, 7
#endif

// Row r becomes column r: log2(LANES) perfect shuffles.
static inline __attribute__((always_inline)) void transpose(words rows[LANES]) {
    for (size_t round = 1; round < LANES; round *= 2) {
        words shuffled[LANES];
        for (size_t i = 0; i < LANES / 2; i++) {
            shuffled[2 * i] = __builtin_shufflevector(rows[i], rows[i + LANES / 2], LOWER_HALVES);
            shuffled[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + LANES / 2], UPPER_HALVES);
        }
        for (size_t i = 0; i < LANES; i++) rows[i] = shuffled[i];
    }
}

// LANES pairs of one column, from 2 * LANES values that follow each other.
static inline __attribute__((always_inline)) words pairs_along(const float *values) {
    floats first = load(values), second = load(values + LANES);
#ifdef HAS_BFLOAT16_DOT
    return (words)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first);
#else
    return pair_of(__builtin_shufflevector(first, second, EVENS), __builtin_shufflevector(first, second, ODDS));
#endif
}

// Rounds and pairs the rows of a left operand: target[row * pairs + pair], pairs = depth / 2 rounded up. Value d of row
// r is source[r * stride + d] if `along_depth`, else source[d * stride + r].
static void pack_rows(
    const float *source, size_t stride, int along_depth, size_t rows, size_t depth, uint32_t *target
) {
    const size_t pairs = (depth + 1) / 2, whole_pairs = depth / 2 / LANES * LANES;
    const size_t row_step = along_depth ? stride : 1, depth_step = along_depth ? 1 : stride;
    size_t row = 0;
    if (!along_depth)
        for (; row + LANES <= rows; row += LANES)
            for (size_t pair = 0; pair < whole_pairs; pair += LANES) {
                words block[LANES];
                for (size_t i = 0; i < LANES; i++) {
                    const float *low = source + 2 * (pair + i) * stride + row;
                    block[i] = pair_of(load(low), load(low + stride));
                }
                transpose(block);
                for (size_t i = 0; i < LANES; i++)
                    memcpy(target + (row + i) * pairs + pair, &block[i], sizeof(words));
            }
    const size_t transposed = row;
    for (row = 0; row < rows; row++) {
        const float *values = source + row * row_step;
        uint32_t *out = target + row * pairs;
        size_t pair = row < transposed ? whole_pairs : 0;
        if (along_depth)
            for (; pair < whole_pairs; pair += LANES) {
                words packed = pairs_along(values + 2 * pair);
                memcpy(out + pair, &packed, sizeof packed);
            }
        for (; pair < pairs; pair++)
            out[pair] = pair_of_values(
                values[2 * pair * depth_step], 2 * pair + 1 < depth ? values[(2 * pair + 1) * depth_step] : 0);
    }
}

// pack_pairs without the zeros beside the columns.
static inline __attribute__((always_inline)) void pack_columns(
    const float *source, size_t stride, size_t count, size_t width, size_t depth, uint32_t *target
) {
    const size_t pairs = (depth + 1) / 2, whole_pairs = depth / 2 / LANES * LANES;
    size_t column = 0;
    for (; column + LANES <= count; column += LANES)
        for (size_t pair = 0; pair < whole_pairs; pair += LANES) {
            words block[LANES];
            for (size_t i = 0; i < LANES; i++) block[i] = pairs_along(source + (column + i) * stride + 2 * pair);
            transpose(block);
            for (size_t i = 0; i < LANES; i++)
                memcpy(target + (pair + i) * width + column, &block[i], sizeof(words));
        }
    for (; column < count; column++)
        for (size_t pair = 0; pair < whole_pairs; pair += LANES) {
            words packed = pairs_along(source + column * stride + 2 * pair);
            for (size_t lane = 0; lane < LANES; lane++) target[(pair + lane) * width + column] = packed[lane];
        }
    for (column = 0; column < count; column++) {
        const float *values = source + column * stride;
        for (size_t pair = whole_pairs; pair < pairs; pair++)
            target[pair * width + column] =
                pair_of_values(values[2 * pair], 2 * pair + 1 < depth ? values[2 * pair + 1] : 0);
    }
}

// Packs `count` columns of a right operand as one panel of `width`, the rest of it zero: target[pair * width + column].
// Value d of column c is source[c * stride + d] if `along_depth`, else source[d * stride + c].
static void pack_pairs(
    const float *source, size_t stride, int along_depth, size_t count, size_t width, size_t depth, uint32_t *target
) {
    const size_t pairs = (depth + 1) / 2;
    if (count < width) memset(target, 0, pairs * width * sizeof(uint32_t));
    if (along_depth) {
        pack_columns(source, stride, count, width, depth, target);
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


// Attention of inference: several queries share each load of keys and values.
//
// Every result has one order of operations, whatever stands beside it in a tile: a score is one chain over the head's
// size; the softmax's sum runs in 16 lanes by the key's logical index; the values are summed in two chains, those of
// even and those of odd logical index, and the two are added last. Keys outside a row's window keep their index and
// weigh exactly 0, so that they are passed over in whole steps without a change to any bit.
//
// A variant file sets how much fits its registers: QUERY_TILE queries by KEY_VECTORS * 16 keys for scores, and by
// VALUE_VECTORS * 16 dimensions, twice, for values.

// How far ahead keys and values are fetched, in rows of 64 keys and in keys: a text's lie in short stretches, in each
// of which a processor that fetches by itself has to find out again. (Fetching beyond the last one reads nothing.)
enum { VARIANT(attention_ahead) = 16 };

// Scores of some queries for the 64 keys of one block, `keys` [size][64].
INLINE void VARIANT(score_tile)(
    int queries, const float *const *query, const float *keys, size_t size, float scale, float *scores,
    size_t stride) {
    for (size_t part = 0; part < 64; part += 16 * KEY_VECTORS) {
        lanes sum[QUERY_TILE][KEY_VECTORS];
        UNROLL for (int q = 0; q < queries; q++)
            UNROLL for (int v = 0; v < KEY_VECTORS; v++) sum[q][v] = (lanes)0.0f;
        const float *key = keys + part;
        for (size_t d = 0; d < size; d++, key += 64) {
            UNROLL for (int v = 0; v < KEY_VECTORS; v++)
                __builtin_prefetch(key + 64 * VARIANT(attention_ahead) + 16 * v);
            lanes k[KEY_VECTORS];
            UNROLL for (int v = 0; v < KEY_VECTORS; v++) k[v] = VARIANT(load)(key + 16 * v);
            UNROLL for (int q = 0; q < queries; q++) {
                lanes broadcast = (lanes)query[q][d];
                UNROLL for (int v = 0; v < KEY_VECTORS; v++)
                    sum[q][v] = __builtin_elementwise_fma(broadcast, k[v], sum[q][v]);
            }
        }
        UNROLL for (int q = 0; q < queries; q++)
            UNROLL for (int v = 0; v < KEY_VECTORS; v++)
                VARIANT(store)(scores + (size_t)q * stride + part + 16 * (size_t)v, sum[q][v] * scale);
    }
}

// Turns scores `hidden ..< count` into exponentials over the largest one, and returns 1 / their sum. Those from
// `start`, a multiple of 16, to `hidden` become 0; what stands up to the next multiple of 16 is overwritten.
INLINE float VARIANT(soften)(float *scores, size_t start, size_t hidden, size_t count) {
    size_t padded = (count + 15) & ~(size_t)15;
    for (size_t j = start; j < hidden; j++) scores[j] = -__builtin_inff();
    for (size_t j = count; j < padded; j++) scores[j] = -__builtin_inff();
    lanes top = (lanes)-__builtin_inff();
    for (size_t j = start; j < padded; j += 16) top = __builtin_elementwise_max(top, VARIANT(load)(scores + j));
    float largest = __builtin_reduce_max(top);
    lanes total = (lanes)0.0f;
    for (size_t j = start; j < padded; j += 16) {
        lanes e = VARIANT(exponential)(VARIANT(load)(scores + j) - largest);
        VARIANT(store)(scores + j, e);
        total += e;
    }
    return 1.0f / VARIANT(sum)(total);
}

// Adds keys `first ..< end` (both even) to the two chains of some queries; `sums` [queries][2][VALUE_VECTORS * 16].
INLINE void VARIANT(value_tile)(
    int queries, int vectors, const float *scores, size_t stride, const float *values, size_t width, size_t first,
    size_t end, float *sums) {
    enum { CHAIN = 16 * VALUE_VECTORS };
    lanes even[QUERY_TILE][VALUE_VECTORS], odd[QUERY_TILE][VALUE_VECTORS];
    UNROLL for (int q = 0; q < queries; q++)
        UNROLL for (int v = 0; v < vectors; v++) {
            even[q][v] = VARIANT(load)(sums + 2 * q * CHAIN + 16 * v);
            odd[q][v] = VARIANT(load)(sums + (2 * q + 1) * CHAIN + 16 * v);
        }
    for (size_t j = first; j < end; j += 2) {
        const float *value = values + j * width, *ahead = value + VARIANT(attention_ahead) * width;
        UNROLL for (int v = 0; v < vectors; v++) {
            __builtin_prefetch(ahead + 16 * v);
            __builtin_prefetch(ahead + width + 16 * v);
        }
        lanes a[VALUE_VECTORS], b[VALUE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            a[v] = VARIANT(load)(value + 16 * v);
            b[v] = VARIANT(load)(value + width + 16 * v);
        }
        UNROLL for (int q = 0; q < queries; q++) {
            const float *weight = scores + (size_t)q * stride + j;
            UNROLL for (int v = 0; v < vectors; v++) {
                even[q][v] = __builtin_elementwise_fma((lanes)weight[0], a[v], even[q][v]);
                odd[q][v] = __builtin_elementwise_fma((lanes)weight[1], b[v], odd[q][v]);
            }
        }
    }
    UNROLL for (int q = 0; q < queries; q++)
        UNROLL for (int v = 0; v < vectors; v++) {
            VARIANT(store)(sums + 2 * q * CHAIN + 16 * v, even[q][v]);
            VARIANT(store)(sums + (2 * q + 1) * CHAIN + 16 * v, odd[q][v]);
        }
}

// The queries of one block: numbers of rows and heads, and what each row sees.
typedef struct {
    size_t count;
    // The keys that no query sees come first, this many: a multiple of 64.
    size_t start;
    const float *query[FALCON_ATTENTION_BLOCK];
    float *out[FALCON_ATTENTION_BLOCK];
    const falcon_visible *visible[FALCON_ATTENTION_BLOCK];
    float inverse[FALCON_ATTENTION_BLOCK];
} VARIANT(block_queries);

// Calls BODY(n) with n, a constant, the number of queries of a tile.
#if QUERY_TILE == 4
#define FOR_TILE(COUNT, BODY) \
    switch (COUNT) {          \
    case 1: BODY(1); break;   \
    case 2: BODY(2); break;   \
    case 3: BODY(3); break;   \
    default: BODY(4); break;  \
    }
#else
#define FOR_TILE(COUNT, BODY) \
    switch (COUNT) {          \
    case 1: BODY(1); break;   \
    default: BODY(2); break;  \
    }
#endif

// Sums `vectors` * 16 dimensions of the values from dimension `d` on, for all queries of a block.
INLINE void VARIANT(sum_values)(
    const falcon_attention *a, const VARIANT(block_queries) *block, const float *scores, size_t stride, size_t d,
    int vectors) {
    enum { CHAIN = 16 * VALUE_VECTORS };
    float sums[FALCON_ATTENTION_BLOCK * 2 * CHAIN] = {0};
    const float *values = a->values + d;
    size_t width = a->value_width, shared[FALCON_ATTENTION_BLOCK], end = 0;
    // What the queries of a tile see in the same slots, in whole pairs; the rest is each query's own.
    for (size_t q = 0; q < block->count; q += QUERY_TILE) {
        size_t least = (size_t)block->visible[q]->prefix;
        for (size_t i = q + 1; i < block->count && i < q + QUERY_TILE; i++)
            if ((size_t)block->visible[i]->prefix < least) least = (size_t)block->visible[i]->prefix;
        shared[q] = least & ~(size_t)1;
        if (shared[q] > end) end = shared[q];
    }
    // A run of keys stays in the first-level cache while all tiles pass over it.
    enum { RUN = 128 };
    for (size_t first = block->start; first < end; first += RUN)
        for (size_t q = 0; q < block->count; q += QUERY_TILE) {
            size_t last = first + RUN < shared[q] ? first + RUN : shared[q];
            if (last <= first) continue;
#define SUM(N)                                                                                                   \
    VARIANT(value_tile)(                                                                                         \
        N, vectors, scores + q * stride, stride, values, width, first, last, sums + q * 2 * CHAIN)
            FOR_TILE(block->count - q, SUM)
#undef SUM
        }
    for (size_t q = 0; q < block->count; q++) {
        const falcon_visible *seen = block->visible[q];
        size_t prefix = (size_t)seen->prefix, count = prefix + (size_t)seen->extra_count;
        const float *weight = scores + q * stride;
        const int32_t *extra = a->extra + seen->extra_start;
        lanes chain[2][VALUE_VECTORS];
        UNROLL for (int v = 0; v < vectors; v++) {
            chain[0][v] = VARIANT(load)(sums + 2 * q * CHAIN + 16 * (size_t)v);
            chain[1][v] = VARIANT(load)(sums + (2 * q + 1) * CHAIN + 16 * (size_t)v);
        }
        for (size_t j = shared[q - q % QUERY_TILE]; j < count; j += 2)
            UNROLL for (size_t odd = 0; odd < 2; odd++) {
                if (j + odd >= count) break;
                size_t index = j + odd;
                size_t slot = index < prefix ? index : (size_t)extra[index - prefix];
                const float *value = values + slot * width;
                UNROLL for (int v = 0; v < vectors; v++)
                    chain[odd][v] = __builtin_elementwise_fma(
                        (lanes)weight[j + odd], VARIANT(load)(value + 16 * v), chain[odd][v]);
            }
        UNROLL for (int v = 0; v < vectors; v++) {
            lanes result = (chain[0][v] + chain[1][v]) * block->inverse[q];
            size_t column = d + 16 * (size_t)v;
            if (column + 16 <= a->size) {
                VARIANT(store)(block->out[q] + column, result);
            } else {
                float edge[16];
                VARIANT(store)(edge, result);
                memcpy(block->out[q] + column, edge, (a->size - column) * 4);
            }
        }
    }
}

static void VARIANT(attend)(const falcon_attention *a, size_t first, size_t count, float *scratch) {
    for (size_t start = first; start < first + count; start += FALCON_ATTENTION_BLOCK) {
        VARIANT(block_queries) block;
        size_t left = first + count - start;
        block.count = left < FALCON_ATTENTION_BLOCK ? left : FALCON_ATTENTION_BLOCK;
        size_t needed = 0, hidden = SIZE_MAX;
        for (size_t q = 0; q < block.count; q++) {
            size_t row = (start + q) / a->group, head = (start + q) % a->group;
            block.query[q] = a->queries + row * a->query_stride + head * a->size;
            block.out[q] = a->out + row * a->out_stride + head * a->size;
            block.visible[q] = a->visible + row;
            size_t slots = a->visible[row].extra_count ? a->slots : (size_t)a->visible[row].prefix;
            if (slots > needed) needed = slots;
            if ((size_t)a->visible[row].hidden < hidden) hidden = (size_t)a->visible[row].hidden;
            // Listed slots may lie anywhere, and are scored where they lie.
            if (a->visible[row].extra_count && (size_t)a->visible[row].prefix < hidden)
                hidden = (size_t)a->visible[row].prefix;
        }
        block.start = hidden & ~(size_t)63;
        size_t stride = (needed + 63) & ~(size_t)63;
        for (size_t j = block.start; j < needed; j += 64)
            for (size_t q = 0; q < block.count; q += QUERY_TILE) {
#define SCORE(N)                                                                                                  \
    VARIANT(score_tile)(                                                                                          \
        N, block.query + q, a->keys + j * a->size, a->size, a->scale, scratch + q * stride + j, stride)
                FOR_TILE(block.count - q, SCORE)
#undef SCORE
            }
        for (size_t q = 0; q < block.count; q++) {
            // The visible ones in logical order. Extra slots lie at or behind the prefix, so gather them aside first.
            float *scores = scratch + q * stride, *aside = scratch + block.count * stride;
            const falcon_visible *seen = block.visible[q];
            for (int32_t e = 0; e < seen->extra_count; e++) aside[e] = scores[a->extra[seen->extra_start + e]];
            memcpy(scores + seen->prefix, aside, (size_t)seen->extra_count * 4);
            block.inverse[q] = VARIANT(soften)(
                scores, block.start, (size_t)seen->hidden, (size_t)(seen->prefix + seen->extra_count));
        }
        size_t d = 0;
        for (; d + 16 * VALUE_VECTORS <= a->value_width; d += 16 * VALUE_VECTORS)
            VARIANT(sum_values)(a, &block, scratch, stride, d, VALUE_VECTORS);
        for (; d < a->value_width; d += 16) VARIANT(sum_values)(a, &block, scratch, stride, d, 1);
    }
}
#undef FOR_TILE

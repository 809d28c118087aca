// Products of bfloat16 values with float32 sums, for training. Included by a variant file through training_body.h.
//
// Both operands are packed once by pairs along the depth (training_pairs_body.h):
//
//   right  panels of PANEL columns:  [pairs][PANEL]
//   left   rows:                     [rows][pairs]
//
// so that the left operand of a forward pass need only be rounded, not moved.

// Rows whose sums fit the registers beside one line of a panel.
#define PRODUCT_ROWS (LANES == 16 ? 6 : 3)

#define UNROLL _Pragma("clang loop unroll(full)")

// Stores the sums of a panel that the matrix does not fill.
static __attribute__((noinline)) void put_edge(
    floats sums[6][4], size_t rows, float *result, size_t stride, size_t columns, float keeping
) {
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part * LANES < columns; part++) {
            float *target = result + row * stride + part * LANES;
            const size_t count = columns - part * LANES;
            floats sum = sums[row][part];
            if (keeping != 0) sum += keeping * get(target, count);
            put(target, count, sum);
        }
}

// One block of rows times one panel. `rows` is a constant where this is called.
static inline __attribute__((always_inline)) void multiply_block(
    const uint32_t *left, size_t rows, const uint32_t *panel, size_t pairs, float *result, size_t stride,
    size_t columns, float keeping
) {
    // All unrolled: otherwise the sums are cleared and stored in memory, at hidden 256 a twentieth of the time.
    floats sums[6][4];
    UNROLL for (size_t row = 0; row < rows; row++)
        UNROLL for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
    for (size_t pair = 0; pair < pairs; pair++, left++, panel += PANEL) {
        words right[4];
        UNROLL for (size_t part = 0; part < 4; part++) right[part] = load_words(panel + part * LANES);
        UNROLL for (size_t row = 0; row < rows; row++)
            UNROLL for (size_t part = 0; part < 4; part++)
                sums[row][part] = pair_product(sums[row][part], left[row * pairs], right[part]);
    }
    if (columns < PANEL) {
        floats kept[6][4];
        UNROLL for (size_t row = 0; row < rows; row++)
            UNROLL for (size_t part = 0; part < 4; part++) kept[row][part] = sums[row][part];
        put_edge(kept, rows, result, stride, columns, keeping);
        return;
    }
    UNROLL for (size_t row = 0; row < rows; row++)
        UNROLL for (size_t part = 0; part < 4; part++) {
            float *target = result + row * stride + part * LANES;
            floats sum = sums[row][part];
            if (keeping != 0) sum += keeping * load(target);
            store(target, sum);
        }
}

// result[rows, columns] = keeping * result + left * panel.
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

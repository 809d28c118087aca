// Products of inference: packed rows by packed weight panels, one chain of fused multiply-adds for each output.
INLINE lanes VARIANT(weights)(const void *panel, size_t index, int type) {
    if (type == FALCON_BFLOAT16) {
        halves_unaligned h = *(const halves_unaligned *)((const uint16_t *)panel + index);
        return __builtin_bit_cast(lanes, __builtin_convertvector(h, words) << 16);
    }
    return VARIANT(load)((const float *)panel + index);
}

// Rows of each block: as even as possible, so that no block is left with one row alone.
INLINE size_t VARIANT(block)(size_t rows, size_t start, size_t *blocks_left) {
    size_t size = (rows - start + *blocks_left - 1) / *blocks_left;
    (*blocks_left)--;
    return size;
}

static void VARIANT(pack_rows)(const float *x, size_t rows, size_t depth, float *packed) {
    size_t left = (rows + MAXIMUM_BLOCK - 1) / MAXIMUM_BLOCK;
    for (size_t start = 0; start < rows;) {
        size_t size = VARIANT(block)(rows, start, &left);
        float *target = packed + start * depth;
        for (size_t r = 0; r < size; r++) {
            const float *source = x + (start + r) * depth;
            for (size_t k = 0; k < depth; k++) target[k * size + r] = source[k];
        }
        start += size;
    }
}

// `rows` x `panels` outputs at once; both are constants where this is inlined, so the sums stay in registers.
INLINE void VARIANT(tile)(
    int rows, int panels, const float *x, size_t depth, const void *weight, int type, size_t first, size_t columns,
    const float *bias, float *out) {
    lanes sum[MAXIMUM_BLOCK][8];
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++) sum[r][j] = (lanes)0.0f;
    size_t stride = depth * FALCON_PANEL;
    size_t base = first * stride;
    for (size_t k = 0; k < depth; k++) {
        lanes w[8];
        UNROLL for (int j = 0; j < 2 * panels; j++)
            w[j] = VARIANT(weights)(
                weight, base + (size_t)(j / 2) * stride + k * FALCON_PANEL + (size_t)(j % 2) * 16, type);
        UNROLL for (int r = 0; r < rows; r++) {
            lanes broadcast = (lanes)x[k * (size_t)rows + (size_t)r];
            UNROLL for (int j = 0; j < 2 * panels; j++)
                sum[r][j] = __builtin_elementwise_fma(broadcast, w[j], sum[r][j]);
        }
    }
    UNROLL for (int r = 0; r < rows; r++)
        UNROLL for (int j = 0; j < 2 * panels; j++) {
            size_t column = first * FALCON_PANEL + (size_t)j * 16;
            float *target = out + (size_t)r * columns + column;
            if (column + 16 <= columns) {
                VARIANT(store)(target, bias ? sum[r][j] + VARIANT(load)(bias + column) : sum[r][j]);
            } else if (column < columns) {
                float edge[16];
                VARIANT(store)(edge, sum[r][j]);
                for (size_t c = 0; c < columns - column; c++) target[c] = bias ? edge[c] + bias[column + c] : edge[c];
            }
        }
}

#define TILE(R, P)                                                                                            \
    case R:                                                                                                   \
        for (; panel + P <= end; panel += P) {                                                                \
            if (panelType == FALCON_BFLOAT16)                                                                 \
                VARIANT(tile)(R, P, x, depth, panels, FALCON_BFLOAT16, panel, columns, bias, target);         \
            else                                                                                              \
                VARIANT(tile)(R, P, x, depth, panels, FALCON_FLOAT32, panel, columns, bias, target);          \
        }                                                                                                     \
        for (; P > 1 && panel < end; panel++) {                                                               \
            if (panelType == FALCON_BFLOAT16)                                                                 \
                VARIANT(tile)(R, 1, x, depth, panels, FALCON_BFLOAT16, panel, columns, bias, target);         \
            else                                                                                              \
                VARIANT(tile)(R, 1, x, depth, panels, FALCON_FLOAT32, panel, columns, bias, target);          \
        }                                                                                                     \
        break;

static void VARIANT(multiply_block)(
    const float *x, size_t rows, size_t depth, const void *panels, int panelType, size_t panel, size_t end,
    size_t columns, const float *bias, float *target) {
    switch (rows) {
        TILES
    }
}

// Panels are taken in groups that stay in the second-level cache while all blocks of rows pass over them.
static void VARIANT(multiply)(
    const float *packed, size_t rows, size_t depth, const void *panels, int panelType, size_t first, size_t count,
    size_t columns, const float *bias, float *out) {
    size_t bytes = depth * FALCON_PANEL * (panelType == FALCON_BFLOAT16 ? 2 : 4);
    size_t group = rows <= MAXIMUM_BLOCK ? count : 262144 / bytes;
    if (group < 4) group = 4;
    for (size_t start = first; start < first + count; start += group) {
        size_t end = start + group < first + count ? start + group : first + count;
        size_t left = (rows + MAXIMUM_BLOCK - 1) / MAXIMUM_BLOCK;
        for (size_t row = 0; row < rows;) {
            size_t size = VARIANT(block)(rows, row, &left);
            VARIANT(multiply_block)(
                packed + row * depth, size, depth, panels, panelType, start, end, columns, bias, out + row * columns);
            row += size;
        }
    }
}

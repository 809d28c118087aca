// Recurrent cells. Included by a variant file through training_body.h.
//
// A step's product has few rows (the batch) and a large weight, so it is bound by reading the weight. The weight is
// therefore laid out once for a whole sequence in panels of four vectors, which a step reads strictly forwards:
//
//   forward  panel p, depth d: weight of i, f, g, o of units p*LANES ... for hidden value d      depth = hidden size
//   adjoint  panel p, depth d: weight of gate value d for units p*4*LANES ...                   depth = 4 * hidden size
//
// so that a panel's sums stay in registers until the cell has used them. Paired, a word holds the bfloat16 values of
// depths 2d and 2d + 1.

#define ROWS_TOGETHER (LANES == 16 ? 4 : 2)

static size_t lstm_panel_count(size_t hidden_size, int adjoint) {
    size_t units = adjoint ? PANEL : LANES;
    return (hidden_size + units - 1) / units;
}

static size_t lstm_panel_size(size_t hidden_size, int adjoint, int paired) {
    const size_t depth = (adjoint ? 4 : 1) * hidden_size;
    return (paired ? (depth + 1) / 2 : depth) * PANEL;
}

static void lstm_pack_pairs(const float *weight, size_t hidden_size, int adjoint, size_t panel, uint32_t *target) {
    if (adjoint) {
        const size_t first = panel * PANEL, left = hidden_size - first;
        pack_pairs(weight + first, hidden_size, 0, left < PANEL ? left : PANEL, PANEL, 4 * hidden_size, target);
        return;
    }
    const size_t unit = panel * LANES, count = hidden_size - unit < LANES ? hidden_size - unit : LANES;
    if (count < LANES) memset(target, 0, lstm_panel_size(hidden_size, 0, 1) * sizeof(uint32_t));
    for (size_t gate = 0; gate < 4; gate++)
        pack_columns(
            weight + (gate * hidden_size + unit) * hidden_size, hidden_size, count, PANEL, hidden_size,
            target + gate * LANES);
}

static void lstm_pack_floats(const float *weight, size_t hidden_size, int adjoint, size_t panel, float *target) {
    if (adjoint) {
        size_t first = panel * PANEL;
        size_t count = hidden_size - first < PANEL ? hidden_size - first : PANEL;
        for (size_t depth = 0; depth < 4 * hidden_size; depth++, target += PANEL) {
            memcpy(target, weight + depth * hidden_size + first, count * sizeof(float));
            memset(target + count, 0, (PANEL - count) * sizeof(float));
        }
        return;
    }
    for (size_t lane = 0; lane < PANEL; lane++) {
        size_t gate = lane / LANES, unit = panel * LANES + lane % LANES;
        const float *row = weight + (gate * hidden_size + unit) * hidden_size;
        for (size_t depth = 0; depth < hidden_size; depth++)
            target[depth * PANEL + lane] = unit < hidden_size ? row[depth] : 0;
    }
}

static void lstm_pack(
    const float *weight, size_t hidden_size, int adjoint, int paired, size_t panel, void *target
) {
    if (paired) lstm_pack_pairs(weight, hidden_size, adjoint, panel, target);
    else lstm_pack_floats(weight, hidden_size, adjoint, panel, target);
}

// sums[row][0..<4] = left[row] times one panel. `rows` is a constant where this is called.
static inline __attribute__((always_inline)) void panel_product(
    const float *left, size_t left_stride, size_t rows, const float *panel, size_t depth, floats sums[][4]
) {
    for (size_t d = 0; d < depth; d++, panel += PANEL) {
        floats weight[4];
        for (size_t part = 0; part < 4; part++) weight[part] = load(panel + part * LANES);
        for (size_t row = 0; row < rows; row++) {
            float value = left[row * left_stride + d];
            for (size_t part = 0; part < 4; part++) sums[row][part] += value * weight[part];
        }
    }
}

// The same for a panel of pairs; left has one value behind an odd depth.
static inline __attribute__((always_inline)) void panel_product_pairs(
    const uint16_t *left, size_t left_stride, size_t rows, const uint32_t *panel, size_t pairs, floats sums[][4]
) {
    for (size_t pair = 0; pair < pairs; pair++, panel += PANEL) {
        words weight[4];
        for (size_t part = 0; part < 4; part++) weight[part] = load_words(panel + part * LANES);
        for (size_t row = 0; row < rows; row++) {
            uint32_t both;
            memcpy(&both, left + row * left_stride + 2 * pair, sizeof both);
            for (size_t part = 0; part < 4; part++)
                sums[row][part] = pair_product(sums[row][part], both, weight[part]);
        }
    }
}

static inline __attribute__((always_inline)) void lstm_rows(
    const falcon_lstm_step *step, int paired, size_t first_row, size_t rows, const void *panel, size_t unit
) {
    const size_t size = step->hidden_size, count = size - unit;
    floats sums[4][4];
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
    if (paired && step->previous_rounded)
        panel_product_pairs(
            step->previous_rounded + first_row * step->rounded_stride, step->rounded_stride, rows, panel,
            (size + 1) / 2, sums);
    else if (!paired && step->previous_hidden)
        panel_product(
            step->previous_hidden + first_row * step->previous_stride, step->previous_stride, rows, panel, size, sums);
    for (size_t row = 0; row < rows; row++) {
        float *gates = step->gates + (first_row + row) * step->gate_stride + unit;
        const size_t state = (first_row + row) * step->state_stride + unit;
        floats i = vector_sigmoid(get(gates, count) + sums[row][0]);
        floats f = vector_sigmoid(get(gates + size, count) + sums[row][1]);
        floats g = vector_tanh(get(gates + 2 * size, count) + sums[row][2]);
        floats o = vector_sigmoid(get(gates + 3 * size, count) + sums[row][3]);
        floats c = i * g;
        if (step->previous_cell)
            c += f * get(step->previous_cell + (first_row + row) * step->previous_stride + unit, count);
        put(gates, count, i);
        put(gates + size, count, f);
        put(gates + 2 * size, count, g);
        put(gates + 3 * size, count, o);
        floats h = o * vector_tanh(c);
        put(step->cell + state, count, c);
        put(step->hidden + state, count, h);
        if (paired) put_rounded(step->rounded + (first_row + row) * step->rounded_stride + unit, count, h);
    }
}

#define FOR_ROWS_TOGETHER(body)                                        \
    do {                                                               \
        size_t row = 0;                                                \
        for (; row + ROWS_TOGETHER <= step->rows; row += ROWS_TOGETHER) body(ROWS_TOGETHER); \
        for (; row + 2 <= step->rows; row += 2) body(2);               \
        for (; row < step->rows; row++) body(1);                       \
    } while (0)

static void lstm_step(
    const falcon_lstm_step *step, int paired, const void *panels, size_t first_panel, size_t panel_count
) {
    const size_t panel_size = lstm_panel_size(step->hidden_size, 0, paired);
    for (size_t index = first_panel; index < first_panel + panel_count; index++) {
        const void *panel = (const uint32_t *)panels + index * panel_size;
#define PAIRED(count) lstm_rows(step, 1, row, count, panel, index * LANES)
#define PLAIN(count) lstm_rows(step, 0, row, count, panel, index * LANES)
        if (paired) FOR_ROWS_TOGETHER(PAIRED);
        else FOR_ROWS_TOGETHER(PLAIN);
#undef PAIRED
#undef PLAIN
    }
}

static inline __attribute__((always_inline)) void lstm_adjoint_rows(
    const falcon_lstm_step_adjoint *step, int paired, size_t first_row, size_t rows, const void *panel,
    size_t first_unit
) {
    const size_t size = step->hidden_size;
    floats sums[4][4];
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
    if (paired && step->next_rounded)
        panel_product_pairs(
            step->next_rounded + first_row * step->rounded_stride, step->rounded_stride, rows, panel, 2 * size, sums);
    else if (!paired && step->next_gate_gradients)
        panel_product(
            step->next_gate_gradients + first_row * step->gate_stride, step->gate_stride, rows, panel, 4 * size, sums);
    for (size_t row = 0; row < rows; row++) {
        for (size_t part = 0; part < 4; part++) {
            const size_t unit = first_unit + part * LANES;
            if (unit >= size) break;
            const size_t count = size - unit;
            const size_t at = (first_row + row) * step->gate_stride + unit;
            const size_t state = (first_row + row) * step->state_stride + unit;
            const float *gates = step->gates + at;
            float *carried = step->cell_gradient + (first_row + row) * size + unit;
            floats i = get(gates, count);
            floats f = get(gates + size, count);
            floats g = get(gates + 2 * size, count);
            floats o = get(gates + 3 * size, count);
            floats bent = vector_tanh(get(step->cell + state, count));
            floats dh = get(step->hidden_gradient + state, count) + sums[row][part];
            floats dc = get(carried, count) + dh * o * (1.0f - bent * bent);
            floats before = 0;
            if (step->previous_cell)
                before = get(step->previous_cell + (first_row + row) * step->previous_stride + unit, count);
            floats slopes[4] = {
                dc * g * i * (1.0f - i), dc * before * f * (1.0f - f), dc * i * (1.0f - g * g),
                dh * bent * o * (1.0f - o)};
            for (size_t gate = 0; gate < 4; gate++) {
                put(step->gate_gradients + at + gate * size, count, slopes[gate]);
                if (paired)
                    put_rounded(
                        step->rounded + (first_row + row) * step->rounded_stride + gate * size + unit, count,
                        slopes[gate]);
            }
            put(carried, count, dc * f);
        }
    }
}

static void lstm_step_adjoint(
    const falcon_lstm_step_adjoint *step, int paired, const void *panels, size_t first_panel, size_t panel_count
) {
    const size_t panel_size = lstm_panel_size(step->hidden_size, 1, paired);
    for (size_t index = first_panel; index < first_panel + panel_count; index++) {
        const void *panel = (const uint32_t *)panels + index * panel_size;
#define PAIRED(count) lstm_adjoint_rows(step, 1, row, count, panel, index * PANEL)
#define PLAIN(count) lstm_adjoint_rows(step, 0, row, count, panel, index * PANEL)
        if (paired) FOR_ROWS_TOGETHER(PAIRED);
        else FOR_ROWS_TOGETHER(PLAIN);
#undef PAIRED
#undef PLAIN
    }
}

static void gated_cell(float *gates, const float *bias, float *hidden, size_t size) {
    for (size_t unit = 0; unit < size; unit += LANES) {
        const size_t count = size - unit;
        floats i = vector_sigmoid(get(gates + unit, count) + get(bias + unit, count));
        floats g = vector_tanh(get(gates + size + unit, count) + get(bias + size + unit, count));
        floats o = vector_sigmoid(get(gates + 2 * size + unit, count) + get(bias + 2 * size + unit, count));
        put(gates + unit, count, i);
        put(gates + size + unit, count, g);
        put(gates + 2 * size + unit, count, o);
        put(hidden + unit, count, o * vector_tanh(i * g));
    }
}

static void gated_cell_adjoint(
    const float *gates, const float *hidden_gradient, float *gate_gradients, size_t size
) {
    for (size_t unit = 0; unit < size; unit += LANES) {
        const size_t count = size - unit;
        floats i = get(gates + unit, count);
        floats g = get(gates + size + unit, count);
        floats o = get(gates + 2 * size + unit, count);
        floats bent = vector_tanh(i * g);
        floats dh = get(hidden_gradient + unit, count);
        floats dc = dh * o * (1.0f - bent * bent);
        put(gate_gradients + unit, count, dc * g * i * (1.0f - i));
        put(gate_gradients + size + unit, count, dc * i * (1.0f - g * g));
        put(gate_gradients + 2 * size + unit, count, dh * bent * o * (1.0f - o));
    }
}

// Recurrent cells. Included by a variant file through training_body.h.
//
// A step's product has few rows (the batch) and a large weight, so it is bound by reading the weight. The weight is
// therefore laid out once for a whole sequence in panels of four vectors, which a step reads strictly forwards:
//
//   forward  panel p, depth d: weight of i, f, g, o of units p*LANES ... for hidden value d      depth = hidden size
//   adjoint  panel p, depth d: weight of gate value d for units p*4*LANES ...                   depth = 4 * hidden size
//
// so that a panel's sums stay in registers until the cell has used them.

#define PANEL (4 * LANES)
#define ROWS_TOGETHER (LANES == 16 ? 4 : 2)

static size_t lstm_panel_count(size_t hidden_size, int adjoint) {
    size_t units = adjoint ? PANEL : LANES;
    return (hidden_size + units - 1) / units;
}

static size_t lstm_panel_size(size_t hidden_size, int adjoint) {
    return (adjoint ? 4 : 1) * hidden_size * PANEL;
}

static void lstm_pack(const float *weight, size_t hidden_size, int adjoint, size_t panel, float *target) {
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

// sums[row][0..<4] = left[row] times one panel. `rows` is a constant where this is called.
static inline __attribute__((always_inline)) void panel_product(
    const float *left, size_t left_stride, size_t rows, const float *panel, size_t depth, floats sums[][4]
) {
    for (size_t row = 0; row < rows; row++)
        for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
    for (size_t d = 0; d < depth; d++, panel += PANEL) {
        floats weight[4];
        for (size_t part = 0; part < 4; part++) weight[part] = load(panel + part * LANES);
        for (size_t row = 0; row < rows; row++) {
            float value = left[row * left_stride + d];
            for (size_t part = 0; part < 4; part++) sums[row][part] += value * weight[part];
        }
    }
}

// `count` values at `position`, all LANES or fewer.
static inline __attribute__((always_inline)) floats get(const float *position, size_t count) {
    return count >= LANES ? load(position) : load_first(position, count, 0);
}

static inline __attribute__((always_inline)) void put(float *position, size_t count, floats value) {
    if (count >= LANES) store(position, value);
    else store_first(position, count, value);
}

static inline __attribute__((always_inline)) void lstm_rows(
    const falcon_lstm_step *step, size_t first_row, size_t rows, const float *panel, size_t unit
) {
    const size_t size = step->hidden_size, count = size - unit;
    floats sums[4][4];
    if (step->previous_hidden)
        panel_product(
            step->previous_hidden + first_row * step->previous_stride, step->previous_stride, rows, panel, size, sums);
    else
        for (size_t row = 0; row < rows; row++)
            for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
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
        put(step->cell + state, count, c);
        put(step->hidden + state, count, o * vector_tanh(c));
    }
}

static void lstm_step(const falcon_lstm_step *step, const float *panels, size_t first_panel, size_t panel_count) {
    const size_t panel_size = lstm_panel_size(step->hidden_size, 0);
    for (size_t index = first_panel; index < first_panel + panel_count; index++) {
        const float *panel = panels + index * panel_size;
        size_t row = 0;
        for (; row + ROWS_TOGETHER <= step->rows; row += ROWS_TOGETHER)
            lstm_rows(step, row, ROWS_TOGETHER, panel, index * LANES);
        for (; row + 2 <= step->rows; row += 2) lstm_rows(step, row, 2, panel, index * LANES);
        for (; row < step->rows; row++) lstm_rows(step, row, 1, panel, index * LANES);
    }
}

static inline __attribute__((always_inline)) void lstm_adjoint_rows(
    const falcon_lstm_step_adjoint *step, size_t first_row, size_t rows, const float *panel, size_t first_unit
) {
    const size_t size = step->hidden_size;
    floats sums[4][4];
    if (step->next_gate_gradients)
        panel_product(
            step->next_gate_gradients + first_row * step->gate_stride, step->gate_stride, rows, panel, 4 * size, sums);
    else
        for (size_t row = 0; row < rows; row++)
            for (size_t part = 0; part < 4; part++) sums[row][part] = 0;
    for (size_t row = 0; row < rows; row++)
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
            float *slopes = step->gate_gradients + at;
            put(slopes, count, dc * g * i * (1.0f - i));
            put(slopes + size, count, dc * before * f * (1.0f - f));
            put(slopes + 2 * size, count, dc * i * (1.0f - g * g));
            put(slopes + 3 * size, count, dh * bent * o * (1.0f - o));
            put(carried, count, dc * f);
        }
}

static void lstm_step_adjoint(
    const falcon_lstm_step_adjoint *step, const float *panels, size_t first_panel, size_t panel_count
) {
    const size_t panel_size = lstm_panel_size(step->hidden_size, 1);
    for (size_t index = first_panel; index < first_panel + panel_count; index++) {
        const float *panel = panels + index * panel_size;
        size_t row = 0;
        for (; row + ROWS_TOGETHER <= step->rows; row += ROWS_TOGETHER)
            lstm_adjoint_rows(step, row, ROWS_TOGETHER, panel, index * PANEL);
        for (; row + 2 <= step->rows; row += 2) lstm_adjoint_rows(step, row, 2, panel, index * PANEL);
        for (; row < step->rows; row++) lstm_adjoint_rows(step, row, 1, panel, index * PANEL);
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

// The recurrent cell over time and the product of bfloat16 pairs, held against double precision.
#include "../../../Sources/CFalconKernels/include/training_loops.h"
#include "check.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void check_lstm(const falcon_training_loops *t) {
    check forward = begin("lstm_step", 4e-6, 0), adjoint = begin("lstm_step_adjoint", 4e-6, 0);
    enum { SIZE = 21, ROWS = 3 };
    float *weight = numbers(4 * SIZE * SIZE, 61), *before = numbers(ROWS * SIZE, 62), *cells = numbers(ROWS * SIZE, 63);
    float *gates = numbers(ROWS * 4 * SIZE, 64), *raw = numbers(ROWS * 4 * SIZE, 64), *cell = zeros(ROWS * SIZE);
    float *hidden = zeros(ROWS * SIZE), *panels[2];
    for (int a = 0; a < 2; a++) {
        size_t count = t->lstm_panel_count(SIZE, a), size = t->lstm_panel_size(SIZE, a, 0);
        panels[a] = zeros(count * size);
        for (size_t p = 0; p < count; p++) t->lstm_pack(weight, SIZE, a, 0, p, panels[a] + p * size);
    }
    falcon_lstm_step step = {
        .hidden_size = SIZE, .rows = ROWS, .gate_stride = 4 * SIZE, .state_stride = SIZE, .previous_stride = SIZE,
        .previous_hidden = before, .previous_cell = cells, .gates = gates, .cell = cell, .hidden = hidden};
    t->lstm_step(&step, 0, panels[0], 0, t->lstm_panel_count(SIZE, 0));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t u = 0; u < SIZE; u++) {
            double z[4];
            for (size_t g = 0; g < 4; g++) {
                z[g] = raw[r * 4 * SIZE + g * SIZE + u];
                for (size_t d = 0; d < SIZE; d++)
                    z[g] += (double)weight[(g * SIZE + u) * SIZE + d] * before[r * SIZE + d];
            }
            double c = sigmoid(z[1]) * cells[r * SIZE + u] + sigmoid(z[0]) * tanh(z[2]);
            compare(&forward, cell[r * SIZE + u], c);
            compare(&forward, hidden[r * SIZE + u], sigmoid(z[3]) * tanh(c));
        }
    finish(forward);

    float *next = numbers(ROWS * 4 * SIZE, 65), *upstream = numbers(ROWS * SIZE, 66), *slopes = zeros(ROWS * 4 * SIZE);
    float *carried = numbers(ROWS * SIZE, 67), *came = numbers(ROWS * SIZE, 67);
    falcon_lstm_step_adjoint back = {
        .hidden_size = SIZE, .rows = ROWS, .gate_stride = 4 * SIZE, .state_stride = SIZE, .previous_stride = SIZE,
        .next_gate_gradients = next, .previous_cell = cells, .gates = gates, .cell = cell, .hidden_gradient = upstream,
        .cell_gradient = carried, .gate_gradients = slopes};
    t->lstm_step_adjoint(&back, 0, panels[1], 0, t->lstm_panel_count(SIZE, 1));
    for (size_t r = 0; r < ROWS; r++)
        for (size_t u = 0; u < SIZE; u++) {
            const float *gate = gates + r * 4 * SIZE + u;
            double i = gate[0], f = gate[SIZE], g = gate[2 * SIZE], o = gate[3 * SIZE], bent = tanh(cell[r * SIZE + u]);
            double dh = upstream[r * SIZE + u];
            for (size_t d = 0; d < 4 * SIZE; d++) dh += (double)weight[d * SIZE + u] * next[r * 4 * SIZE + d];
            double dc = came[r * SIZE + u] + dh * o * (1 - bent * bent);
            const float *slope = slopes + r * 4 * SIZE + u;
            compare(&adjoint, slope[0], dc * g * i * (1 - i));
            compare(&adjoint, slope[SIZE], dc * cells[r * SIZE + u] * f * (1 - f));
            compare(&adjoint, slope[2 * SIZE], dc * i * (1 - g * g));
            compare(&adjoint, slope[3 * SIZE], dh * bent * o * (1 - o));
            compare(&adjoint, carried[r * SIZE + u], dc * f);
        }
    finish(adjoint);
    free(weight), free(before), free(cells), free(gates), free(raw), free(cell), free(hidden), free(panels[0]);
    free(panels[1]), free(next), free(upstream), free(slopes), free(carried), free(came);
}

static void check_pairs(const falcon_training_loops *t) {
    check c = begin("multiply_pairs", 1e-5, 0);
    enum { ROWS = 13, DEPTH = 75, PAIRS = (DEPTH + 1) / 2 };
    size_t columns = t->product_panel - 3;
    float *x = numbers(ROWS * DEPTH, 71), *w = numbers(columns * DEPTH, 72), *out = numbers(ROWS * columns, 73);
    float *kept = numbers(ROWS * columns, 73);
    uint32_t *left = calloc(ROWS * PAIRS + 64, 4), *panel = calloc(PAIRS * t->product_panel + 64, 4);
    t->pack_rows(x, DEPTH, 1, ROWS, DEPTH, left);
    t->pack_pairs(w, DEPTH, 1, columns, t->product_panel, DEPTH, panel);
    t->multiply_pairs(left, ROWS, panel, PAIRS, out, columns, columns, 0.5f);
    for (size_t r = 0; r < ROWS; r++)
        for (size_t i = 0; i < columns; i++) {
            double sum = 0.5 * kept[r * columns + i];
            for (size_t d = 0; d < DEPTH; d++) sum += (double)rounded(x[r * DEPTH + d]) * rounded(w[i * DEPTH + d]);
            compare(&c, out[r * columns + i], sum);
        }
    free(x), free(w), free(out), free(kept), free(left), free(panel);
    finish(c);
}

void check_recurrence(void) {
    const falcon_training_loops *t = falcon_training_loops_at(0);
    check_lstm(t);
    check_pairs(t);
}

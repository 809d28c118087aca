// The loops of training: no bits are promised across processors, so each is held against double precision.
#include "../../../Sources/CFalconKernels/include/training_loops.h"
#include "check.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void check_functions(const falcon_training_loops *t) {
    enum { COUNT = 20001 };
    struct {
        const char *name;
        void (*function)(float *, size_t);
        double (*exact)(double), low, high;
    } const functions[] = {
        {"exponential", t->exponential, exp, -80, 80}, {"logarithm", t->logarithm, log, 1e-6, 40},
        {"sigmoid", t->sigmoid, sigmoid, -80, 80}, {"hyperbolic_tangent", t->hyperbolic_tangent, tanh, -20, 20},
    };
    float *values = zeros(COUNT), *inputs = zeros(COUNT);
    for (size_t f = 0; f < sizeof functions / sizeof *functions; f++) {
        check c = begin(functions[f].name, 3e-7, 0);
        float step = (float)((functions[f].high - functions[f].low) / COUNT);
        for (size_t i = 0; i < COUNT; i++) inputs[i] = values[i] = (float)functions[f].low + step * (float)i;
        functions[f].function(values, COUNT);
        for (size_t i = 0; i < COUNT; i++)
            compare(&c, values[i], functions[f].exact(inputs[i]));
        finish(c);
    }
    free(values), free(inputs);
}

static void check_rows(const falcon_training_loops *t) {
    check dot = begin("dot", 2e-6, 0), norm = begin("rms_norm and adjoint", 4e-6, 0);
    check unit = begin("gated_unit and adjoint", 2e-6, 0), cell = begin("gated_cell and adjoint", 2e-6, 0);
    check smooth = begin("smooth_l1", 2e-6, 0);
    for (size_t n = 1; n < 120; n += 7) {
        float *x = numbers(n, 11), *y = numbers(n, 12), *w = numbers(n, 13);
        float *a = zeros(n), *b = zeros(n), *o = zeros(n);
        double product = 0, squares = 0, shared = 0, loss = 0;
        for (size_t i = 0; i < n; i++)
            product += (double)x[i] * y[i], squares += (double)x[i] * x[i], shared += (double)y[i] * w[i] * x[i];
        compare(&dot, t->dot(x, y, n), product);

        float inverse = t->rms_norm(x, w, 1e-5f, n, o);
        double r = 1 / sqrt(squares / (double)n + 1e-5);
        t->rms_norm_adjoint(y, x, w, inverse, n, a, b);
        for (size_t i = 0; i < n; i++) {
            compare(&norm, o[i], x[i] * r * w[i]);
            compare(&norm, a[i], r * (y[i] * (double)w[i] - shared * r * r / (double)n * x[i]));
            compare(&norm, b[i], y[i] * (x[i] * r));
        }

        t->gated_unit(x, y, n, o);
        t->gated_unit_adjoint(w, x, y, n, a, b);
        for (size_t i = 0; i < n; i++) {
            double s = sigmoid(x[i]);
            compare(&unit, o[i], x[i] * s * y[i]);
            compare(&unit, a[i], w[i] * (double)y[i] * s * (1 + x[i] * (1 - s)));
            compare(&unit, b[i], w[i] * x[i] * s);
        }

        // Gates i, g, o behind each other.
        float *gates = numbers(3 * n, 14), *raw = numbers(3 * n, 14), *bias = numbers(3 * n, 15);
        float *slopes = zeros(3 * n);
        t->gated_cell(gates, bias, o, n);
        t->gated_cell_adjoint(gates, w, slopes, n);
        for (size_t u = 0; u < n; u++) {
            double i = sigmoid((double)raw[u] + bias[u]), g = tanh((double)raw[n + u] + bias[n + u]);
            double out = sigmoid((double)raw[2 * n + u] + bias[2 * n + u]), th = tanh(i * g);
            double d = w[u] * out * (1 - th * th);
            compare(&cell, o[u], out * th);
            compare(&cell, slopes[u], d * g * i * (1 - i));
            compare(&cell, slopes[n + u], d * i * (1 - g * g));
            compare(&cell, slopes[2 * n + u], w[u] * th * out * (1 - out));
        }

        for (size_t i = 0; i < n; i++) x[i] *= 2;
        float found = t->smooth_l1(x, y, n, 0.5f, a);
        for (size_t i = 0; i < n; i++) {
            double d = (double)x[i] - y[i];
            loss += fabs(d) < 1 ? d * d / 2 : fabs(d) - 0.5;
            compare(&smooth, a[i], 0.5 * fmax(-1, fmin(1, d)));
        }
        compare(&smooth, found, loss);
        free(x), free(y), free(w), free(a), free(b), free(o), free(gates), free(raw), free(bias), free(slopes);
    }
    finish(dot), finish(norm), finish(unit), finish(cell), finish(smooth);
}

static void check_vocabulary(const falcon_training_loops *t) {
    check sums = begin("maximum, sum, rank, draw", 2e-6, 0), distil = begin("distil", 4e-6, 0);
    check softmax = begin("scaled_softmax", 2e-6, 0);
    for (size_t n = 1; n < 300; n += 13) {
        float *x = numbers(n, 21), *y = numbers(n, 22), *slopes = numbers(n, 21);
        for (size_t i = 0; i < n; i++) x[i] *= 4, slopes[i] *= 4, y[i] *= 4;
        size_t best = 0, before = 0, middle = n / 2, drawn = 0;
        double total[2] = {0, 0}, running = 0, divergence = 0;
        for (size_t i = 0; i < n; i++) {
            if (x[i] > x[best]) best = i;
            before += x[i] > x[middle] || (x[i] == x[middle] && i < middle);
        }
        int32_t index;
        float top = t->maximum(x, n, &index), other = t->maximum(y, n, &(int32_t){0});
        for (size_t i = 0; i < n; i++)
            total[0] += exp((double)x[i] - top), total[1] += exp((double)y[i] - other);
        float sum = t->sum_of_exponentials(x, n, top, 1);
        while (drawn + 1 < n && (running += exp((double)x[drawn] - top)) < 0.4 * total[0]) drawn++;
        compare(&sums, index, (double)best);
        compare(&sums, top, x[best]);
        compare(&sums, sum / total[0], 1);
        compare(&sums, (double)t->rank(x, n, middle), (double)before);
        compare(&sums, (double)t->draw(x, n, top, 0.4 * total[0]), (double)drawn);

        float logs[2] = {(float)log(total[0]), (float)log(total[1])};
        float found = t->distil(slopes, y, n, top, logs[0], other, logs[1], 0.9f, 0.1f);
        for (size_t i = 0; i < n; i++) {
            double q = exp((double)x[i] - top) / total[0], p = exp((double)y[i] - other) / total[1];
            divergence += p * log(p / q);
            compare(&distil, slopes[i], q - 0.9 * p);
        }
        compare(&distil, found, divergence);
        memcpy(slopes, x, n * 4);
        t->scaled_softmax(slopes, n, top, logs[0], 0.3f);
        for (size_t i = 0; i < n; i++) compare(&softmax, slopes[i], 0.3 * exp((double)x[i] - top) / total[0]);
        free(x), free(y), free(slopes);
    }
    finish(sums), finish(distil), finish(softmax);
}

static void check_attention(const falcon_training_loops *t) {
    check c = begin("attention_soften, adjoint", 4e-6, 0);
    enum { ROWS = 5, COLUMNS = 37 };
    float *scores = numbers(ROWS * COLUMNS, 31), *raw = numbers(ROWS * COLUMNS, 31);
    float *slopes = numbers(ROWS * COLUMNS, 32), *upstream = numbers(ROWS * COLUMNS, 32);
    const int32_t visible[ROWS] = {0, 1, 16, 30, 37};
    float logs[ROWS], dots[ROWS] = {0.5f, -0.25f, 0, 1, 0.125f};
    t->attention_soften(scores, COLUMNS, ROWS, COLUMNS, visible, logs);
    float *again = numbers(ROWS * COLUMNS, 31);
    t->attention_adjoint(again, slopes, COLUMNS, ROWS, COLUMNS, visible, logs, dots, 0.7f);
    for (size_t r = 0; r < ROWS; r++) {
        double total = 0;
        for (int32_t j = 0; j < visible[r]; j++) total += exp(raw[r * COLUMNS + j]);
        if (visible[r]) compare(&c, logs[r], log(total));
        for (int32_t j = 0; j < COLUMNS; j++) {
            size_t i = r * COLUMNS + (size_t)j;
            double p = j < visible[r] ? exp(raw[i]) / total : 0;
            compare(&c, scores[i], p);
            compare(&c, slopes[i], p * ((double)upstream[i] - dots[r]) * 0.7);
        }
    }
    free(scores), free(raw), free(slopes), free(upstream), free(again);
    finish(c);
}

static void check_adamw(const falcon_training_loops *t) {
    check c = begin("adamw", 2e-6, 0);
    enum { COUNT = 101 };
    float *p = numbers(COUNT, 41), *raw = numbers(COUNT, 41), *g = numbers(COUNT, 42), *m = numbers(COUNT, 43);
    float *first = numbers(COUNT, 43), *v = numbers(COUNT, 44), *second;
    for (size_t i = 0; i < COUNT; i++) v[i] = fabsf(v[i]);
    second = zeros(COUNT);
    memcpy(second, v, COUNT * 4);
    falcon_adamw step = {1, INFINITY, 0.9f, 0.95f, 1e-8f, 0.999f, 0.01f, 0.6f};
    t->adamw(&step, p, g, m, v, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        double a = 0.9f * (double)first[i] + (1 - (double)0.9f) * g[i];
        double b = 0.95f * (double)second[i] + (1 - (double)0.95f) * g[i] * g[i];
        compare(&c, m[i], a);
        compare(&c, v[i], b);
        compare(&c, p[i], raw[i] * (double)0.999f - 0.01f * a / (sqrt(b) / 0.6f + 1e-8));
    }
    free(p), free(raw), free(g), free(m), free(first), free(v), free(second);
    finish(c);
}

void check_training(void) {
    const falcon_training_loops *t = falcon_training_loops_at(0);
    check_functions(t);
    check_rows(t);
    check_vocabulary(t);
    check_attention(t);
    check_adamw(t);
}

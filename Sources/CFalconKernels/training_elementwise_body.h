// Maps and sums over plain rows. Included by a variant file through training_body.h.

// `count` values at `position`, all LANES or fewer.
static inline __attribute__((always_inline)) floats get(const float *position, size_t count) {
    return count >= LANES ? load(position) : load_first(position, count, 0);
}

static inline __attribute__((always_inline)) void put(float *position, size_t count, floats value) {
    if (count >= LANES) store(position, value);
    else store_first(position, count, value);
}

// Applies `expression`, a vector function of `x`, to values[0..<count] in place.
#define MAP_IN_PLACE(values, count, expression)                       \
    do {                                                              \
        size_t position = 0;                                          \
        for (; position + LANES <= (count); position += LANES) {      \
            floats x = load((values) + position);                     \
            store((values) + position, (expression));                 \
        }                                                             \
        if (position < (count)) {                                     \
            floats x = load_first((values) + position, (count) - position, 1.0f); \
            store_first((values) + position, (count) - position, (expression));   \
        }                                                             \
    } while (0)

static void exponential(float *values, size_t count) { MAP_IN_PLACE(values, count, vector_exp(x)); }
static void logarithm(float *values, size_t count) { MAP_IN_PLACE(values, count, vector_log(x)); }
static void sigmoid(float *values, size_t count) { MAP_IN_PLACE(values, count, vector_sigmoid(x)); }
static void hyperbolic_tangent(float *values, size_t count) { MAP_IN_PLACE(values, count, vector_tanh(x)); }
static void scale_values(float *values, size_t count, float factor) { MAP_IN_PLACE(values, count, x * factor); }

static float dot_product(const float *left, const float *right, size_t count) {
    floats sums[4] = {0, 0, 0, 0};
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (size_t part = 0; part < 4; part++)
            sums[part] += load(left + i + part * LANES) * load(right + i + part * LANES);
    for (; i + LANES <= count; i += LANES) sums[0] += load(left + i) * load(right + i);
    float sum = sum_of((sums[0] + sums[1]) + (sums[2] + sums[3]));
    for (; i < count; i++) sum += left[i] * right[i];
    return sum;
}

static float smooth_l1(const float *predicted, const float *target, size_t count, float scale, float *gradient) {
    floats sum = 0;
    size_t i = 0;
    for (; i < count; i += LANES) {
        size_t left = count - i;
        floats difference = left >= LANES ? load(predicted + i) - load(target + i)
                                          : load_first(predicted + i, left, 0) - load_first(target + i, left, 0);
        floats magnitude = (floats)((whole)difference & 0x7fffffff);
        sum += magnitude < 1.0f ? 0.5f * difference * difference : magnitude - 0.5f;
        floats slope = difference > 1.0f ? (floats)1.0f : (difference < -1.0f ? (floats)-1.0f : difference);
        if (left >= LANES) store(gradient + i, slope * scale);
        else store_first(gradient + i, left, slope * scale);
    }
    return sum_of(sum);
}

static void adamw(
    const falcon_adamw *step, float *parameter, const float *gradient, float *first, float *second, size_t count
) {
    const float beta1 = step->beta1, beta2 = step->beta2, rest1 = step->rest1, rest2 = step->rest2;
    const float inverse_correction = 1.0f / step->root_correction, limit = step->limit;
    for (size_t i = 0; i < count; i += LANES) {
        const size_t left = count - i;
        floats g = get(gradient + i, left) * step->scale;
        g = g > limit ? (floats)limit : g;
        g = g < -limit ? (floats)-limit : g;
        floats m = get(first + i, left) * beta1 + g * rest1;
        floats v = get(second + i, left) * beta2 + (g * g) * rest2;
        floats denominator = __builtin_elementwise_sqrt(v) * inverse_correction + step->epsilon;
        put(first + i, left, m);
        put(second + i, left, v);
        put(parameter + i, left, get(parameter + i, left) * step->decay - step->step_size * m / denominator);
    }
}

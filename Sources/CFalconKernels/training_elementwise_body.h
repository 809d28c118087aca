// Maps and sums over plain rows. Included by a variant file through training_body.h.

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
    float *parameter, const float *gradient, float *first, float *second, size_t count, float beta1, float beta2,
    float decay, float step_size, float root_correction, float epsilon
) {
    const float rest1 = 1.0f - beta1, rest2 = 1.0f - beta2;
    const float inverse_correction = 1.0f / root_correction;
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats g = whole_vector ? load(gradient + i) : load_first(gradient + i, left, 0);
        floats m = whole_vector ? load(first + i) : load_first(first + i, left, 0);
        floats v = whole_vector ? load(second + i) : load_first(second + i, left, 0);
        floats p = whole_vector ? load(parameter + i) : load_first(parameter + i, left, 0);
        m = m * beta1 + g * rest1;
        v = v * beta2 + (g * g) * rest2;
        floats denominator = __builtin_elementwise_sqrt(v) * inverse_correction + epsilon;
        p = p * decay - step_size * m / denominator;
        if (whole_vector) {
            store(first + i, m), store(second + i, v), store(parameter + i, p);
        } else {
            store_first(first + i, left, m), store_first(second + i, left, v), store_first(parameter + i, left, p);
        }
    }
}

// Softmax, over attention's visible columns and over a vocabulary. Included by a variant file through training_body.h.

static float maximum_value(const float *values, size_t count) {
    floats best[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    size_t i = 0;
    for (; i + 4 * LANES <= count; i += 4 * LANES)
        for (size_t part = 0; part < 4; part++) {
            floats x = load(values + i + part * LANES);
            best[part] = x > best[part] ? x : best[part];
        }
    float result = -INFINITY;
    for (; i < count; i++) result = values[i] > result ? values[i] : result;
    for (size_t part = 0; part < 4; part++) {
        float other = maximum_of(best[part]);
        result = other > result ? other : result;
    }
    return result;
}

static float maximum(const float *values, size_t count, int32_t *index) {
    float best = maximum_value(values, count);
    size_t i = 0;
    while (i + LANES <= count && !__builtin_reduce_or(load(values + i) == (floats)best)) i += LANES;
    while (i < count && values[i] != best) i++;
    *index = i < count ? (int32_t)i : 0;
    return best;
}

static float sum_of_exponentials(const float *values, size_t count, float maximum, float scale) {
    floats sum = 0;
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        floats x = left >= LANES ? load(values + i) : load_first(values + i, left, -INFINITY);
        sum += vector_exp((x - maximum) * scale);
    }
    return sum_of(sum);
}

static size_t rank_of(const float *values, size_t count, size_t index) {
    const float value = values[index];
    size_t before = 0;
    for (size_t i = 0; i < index; i++) before += values[i] >= value;
    for (size_t i = index + 1; i < count; i++) before += values[i] > value;
    return before;
}

static size_t draw(const float *values, size_t count, float maximum, double threshold) {
    double sum = 0;
    size_t last = 0;
    for (size_t start = 0; start < count; start += LANES) {
        size_t left = count - start < LANES ? count - start : LANES;
        float lanes[LANES];
        floats x = left == LANES ? load(values + start) : load_first(values + start, left, -INFINITY);
        store(lanes, vector_exp(x - maximum));
        for (size_t i = 0; i < left; i++) {
            sum += lanes[i];
            if (sum > threshold) return start + i;
            if (lanes[i] > 0) last = start + i;
        }
    }
    return last;
}

static void attention_soften(
    float *scores, size_t stride, size_t rows, size_t columns, const int32_t *visible, float *log_sum_exp
) {
    for (size_t row = 0; row < rows; row++) {
        float *values = scores + row * stride;
        size_t count = (size_t)visible[row];
        memset(values + count, 0, (columns - count) * sizeof(float));
        if (count == 0) {
            log_sum_exp[row] = -INFINITY;
            continue;
        }
        float best = maximum_value(values, count);
        floats sums = 0;
        size_t i = 0;
        for (; i + LANES <= count; i += LANES) {
            floats e = vector_exp(load(values + i) - best);
            sums += e;
            store(values + i, e);
        }
        float sum = sum_of(sums);
        if (i < count) {
            float rest[LANES];
            store(rest, vector_exp(load_first(values + i, count - i, best) - best));
            for (size_t lane = 0; i + lane < count; lane++) {
                values[i + lane] = rest[lane];
                sum += rest[lane];
            }
        }
        scale_values(values, count, 1.0f / sum);
        log_sum_exp[row] = best + logf(sum);
    }
}

static void attention_adjoint(
    float *scores, float *gradients, size_t stride, size_t rows, size_t columns, const int32_t *visible,
    const float *log_sum_exp, const float *dot, float scale
) {
    for (size_t row = 0; row < rows; row++) {
        float *values = scores + row * stride, *slopes = gradients + row * stride;
        size_t count = (size_t)visible[row];
        memset(values + count, 0, (columns - count) * sizeof(float));
        memset(slopes + count, 0, (columns - count) * sizeof(float));
        for (size_t i = 0; i < count; i += LANES) {
            size_t left = count - i;
            if (left >= LANES) {
                floats p = vector_exp(load(values + i) - log_sum_exp[row]);
                store(values + i, p);
                store(slopes + i, p * (load(slopes + i) - dot[row]) * scale);
            } else {
                floats p = vector_exp(load_first(values + i, left, 0) - log_sum_exp[row]);
                floats slope = load_first(slopes + i, left, 0);
                store_first(values + i, left, p);
                store_first(slopes + i, left, p * (slope - dot[row]) * scale);
            }
        }
    }
}

static void scaled_softmax(float *logits, size_t count, float maximum, float log_sum, float weight) {
    MAP_IN_PLACE(logits, count, vector_exp((x - maximum) - log_sum) * weight);
}

static float distil(
    float *student, const float *teacher, size_t count, float student_maximum, float student_log_sum,
    float teacher_maximum, float teacher_log_sum, float soft, float hard
) {
    floats sum = 0;
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats o = whole_vector ? load(student + i) : load_first(student + i, left, student_maximum);
        floats t = whole_vector ? load(teacher + i) : load_first(teacher + i, left, -1e30f);
        floats log_q = (o - student_maximum) - student_log_sum;
        floats log_p = (t - teacher_maximum) - teacher_log_sum;
        floats q = vector_exp(log_q);
        // Where p has underflowed it weighs nothing, however far apart the logarithms are.
        floats p = log_p < -100.0f ? (floats)0.0f : vector_exp(log_p);
        sum += p > 0.0f ? p * (log_p - log_q) : (floats)0.0f;
        floats gradient = (soft + hard) * q - soft * p;
        if (whole_vector) store(student + i, gradient);
        else store_first(student + i, left, gradient);
    }
    return sum_of(sum);
}

static float overlap(
    const float *student, const float *teacher, size_t count, float student_maximum, float student_log_sum,
    float teacher_maximum, float teacher_log_sum, float *smaller
) {
    floats common = 0, below = 0;
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats o = whole_vector ? load(student + i) : load_first(student + i, left, -1e30f);
        floats t = whole_vector ? load(teacher + i) : load_first(teacher + i, left, -1e30f);
        floats q = vector_exp((o - student_maximum) - student_log_sum);
        floats p = vector_exp((t - teacher_maximum) - teacher_log_sum);
        common += q < p ? q : p;
        below += q < p ? q : (floats)0.0f;
    }
    *smaller = sum_of(below);
    return sum_of(common);
}

static float distil_overlap(
    float *student, const float *teacher, size_t count, float student_maximum, float student_log_sum,
    float teacher_maximum, float teacher_log_sum, float smaller, float weight, float soft, float hard
) {
    floats sum = 0;
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats o = whole_vector ? load(student + i) : load_first(student + i, left, student_maximum);
        floats t = whole_vector ? load(teacher + i) : load_first(teacher + i, left, -1e30f);
        floats log_q = (o - student_maximum) - student_log_sum;
        floats log_p = (t - teacher_maximum) - teacher_log_sum;
        floats q = vector_exp(log_q);
        floats p = log_p < -100.0f ? (floats)0.0f : vector_exp(log_p);
        sum += p > 0.0f ? p * (log_p - log_q) : (floats)0.0f;
        floats short_of = q < p ? (floats)1.0f : (floats)0.0f;
        floats gradient = (soft + hard) * q - soft * p + weight * q * (smaller - short_of);
        if (whole_vector) store(student + i, gradient);
        else store_first(student + i, left, gradient);
    }
    return sum_of(sum);
}

static float distil_authors_code(
    float *student, const float *teacher, size_t count, float student_maximum, float student_log_sum,
    float student_soft_log_sum, float teacher_maximum, float teacher_log_sum, float teacher_soft_log_sum,
    float temperature, float epsilon, float soft, float hard
) {
    const float sharpness = 1.0f / temperature;
    // With f = -sum p log(qT + epsilon) and r = p / (qT + epsilon): df/do = qT * (sum(r qT) - r) / temperature.
    floats loss = 0, weighted = 0;
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats o = whole_vector ? load(student + i) : load_first(student + i, left, student_maximum);
        floats t = whole_vector ? load(teacher + i) : load_first(teacher + i, left, -1e30f);
        floats log_p = (t - teacher_maximum) - teacher_log_sum;
        floats log_soft_p = (t - teacher_maximum) * sharpness - teacher_soft_log_sum;
        floats p = log_p < -100.0f ? (floats)0.0f : vector_exp(log_p);
        floats soft_q = vector_exp((o - student_maximum) * sharpness - student_soft_log_sum);
        loss += p > 0.0f ? p * (log_soft_p - vector_log(soft_q + epsilon)) : (floats)0.0f;
        weighted += p / (soft_q + epsilon) * soft_q;
    }
    const float mean = sum_of(weighted);
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats o = whole_vector ? load(student + i) : load_first(student + i, left, student_maximum);
        floats t = whole_vector ? load(teacher + i) : load_first(teacher + i, left, -1e30f);
        floats log_p = (t - teacher_maximum) - teacher_log_sum;
        floats p = log_p < -100.0f ? (floats)0.0f : vector_exp(log_p);
        floats soft_q = vector_exp((o - student_maximum) * sharpness - student_soft_log_sum);
        floats q = vector_exp((o - student_maximum) - student_log_sum);
        floats gradient = (soft * sharpness) * soft_q * (mean - p / (soft_q + epsilon)) + hard * q;
        if (whole_vector) store(student + i, gradient);
        else store_first(student + i, left, gradient);
    }
    return sum_of(loss);
}

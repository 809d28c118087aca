// The row-wise parts of a decoder layer: RMSNorm and the gated unit. Included by a variant file through
// training_body.h.

// output = weight * input * inverse, where inverse = 1 / sqrt(mean(input^2) + epsilon) is returned.
static float rms_norm(const float *input, const float *weight, float epsilon, size_t width, float *output) {
    float inverse = 1.0f / __builtin_elementwise_sqrt(dot_product(input, input, width) / (float)width + epsilon);
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) store(output + i, load(weight + i) * (load(input + i) * inverse));
    for (; i < width; i++) output[i] = weight[i] * (input[i] * inverse);
    return inverse;
}

// y = w x r with r = (mean(x^2) + e)^(-1/2), so dr/dx = -r^3 x / width.
static void rms_norm_adjoint(
    const float *gradient, const float *input, const float *weight, float inverse, size_t width, float *input_gradient,
    float *weight_gradient
) {
    size_t i = 0;
    for (; i + LANES <= width; i += LANES) store(input_gradient + i, load(gradient + i) * load(weight + i));
    for (; i < width; i++) input_gradient[i] = gradient[i] * weight[i];
    float shared = dot_product(input_gradient, input, width) * inverse * inverse / (float)width;
    for (i = 0; i + LANES <= width; i += LANES) {
        floats x = load(input + i);
        store(weight_gradient + i, load(weight_gradient + i) + load(gradient + i) * (x * inverse));
        store(input_gradient + i, inverse * (load(input_gradient + i) - shared * x));
    }
    for (; i < width; i++) {
        weight_gradient[i] += gradient[i] * (input[i] * inverse);
        input_gradient[i] = inverse * (input_gradient[i] - shared * input[i]);
    }
}

static void gated_unit(const float *gate, const float *up, size_t count, float *output) {
    size_t i = 0;
    for (; i + LANES <= count; i += LANES) {
        floats g = load(gate + i);
        store(output + i, g * vector_sigmoid(g) * load(up + i));
    }
    if (i < count) {
        floats g = load_first(gate + i, count - i, 0);
        store_first(output + i, count - i, g * vector_sigmoid(g) * load_first(up + i, count - i, 0));
    }
}

static void gated_unit_adjoint(
    const float *gradient, const float *gate, const float *up, size_t count, float *gate_gradient, float *up_gradient
) {
    for (size_t i = 0; i < count; i += LANES) {
        size_t left = count - i;
        int whole_vector = left >= LANES;
        floats y = whole_vector ? load(gradient + i) : load_first(gradient + i, left, 0);
        floats g = whole_vector ? load(gate + i) : load_first(gate + i, left, 0);
        floats u = whole_vector ? load(up + i) : load_first(up + i, left, 0);
        floats sigmoid = vector_sigmoid(g);
        floats slope = y * u * (sigmoid * (1.0f + g * (1.0f - sigmoid)));
        floats through = y * (g * sigmoid);
        if (whole_vector) store(gate_gradient + i, slope), store(up_gradient + i, through);
        else store_first(gate_gradient + i, left, slope), store_first(up_gradient + i, left, through);
    }
}

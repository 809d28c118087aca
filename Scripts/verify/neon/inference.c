// Norms, rotary embedding, gated unit and attention of inference: the bits are the same on every processor.
#include "../../../Sources/CFalconKernels/include/inference.h"
#include "check.h"

static void check_norms(const falcon_inference_kernels *k) {
    check norm = begin("rms_norm", 2e-6, 1), sum = begin("add_rms_norm", 2e-6, 1);
    for (size_t width = 1; width < 200; width += 7) {
        float *x = numbers(3 * width, 3), *addend = numbers(3 * width, 4), *weight = numbers(width, 5);
        float *out = zeros(3 * width), *added = zeros(3 * width);
        for (int adds = 0; adds < 2; adds++) {
            check *c = adds ? &sum : &norm;
            if (adds) k->add_rms_norm(x, addend, weight, 1e-5f, 3, width, added, out);
            else k->rms_norm(x, weight, 1e-5f, 3, width, out);
            for (size_t r = 0; r < 3; r++) {
                double squares = 0;
                for (size_t i = r * width; i < (r + 1) * width; i++)
                    squares += pow((double)x[i] + (adds ? (double)addend[i] : 0), 2);
                for (size_t i = r * width; i < (r + 1) * width; i++)
                    compare(
                        c, out[i],
                        ((double)x[i] + (adds ? (double)addend[i] : 0)) / sqrt(squares / (double)width + 1e-5)
                            * weight[i - r * width]);
            }
            remember(c, out, 3 * width * 4);
        }
        remember(&sum, added, 3 * width * 4);
        free(x), free(addend), free(weight), free(out), free(added);
    }
    finish(norm);
    finish(sum);
}

static void check_gated_unit(const falcon_inference_kernels *k) {
    check c = begin("gated_unit", 1e-6, 1);
    for (size_t width = 1; width < 100; width += 9) {
        float *x = numbers(4 * width, 6), *out = zeros(2 * width);
        for (size_t i = 0; i < 4 * width; i++) x[i] *= 60;
        k->gated_unit(x, 2, width, out);
        for (size_t r = 0; r < 2; r++)
            for (size_t i = 0; i < width; i++) {
                double gate = x[2 * r * width + i], up = x[(2 * r + 1) * width + i];
                compare(&c, out[r * width + i], gate / (1 + exp(-gate)) * up);
            }
        remember(&c, out, 2 * width * 4);
        free(x), free(out);
    }
    finish(c);
}

// Rows go into a cache through `place` and are attended to, as a tree: each sees a prefix and some slots behind it.
static void check_attention(const falcon_inference_kernels *k) {
    check place = begin("place (norm, rotate, copy)", 2e-6, 1), attend = begin("attend", 4e-6, 1);
    static const size_t sizes[] = {12, 16, 32, 64, 80, 128};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        enum { ROWS = 150, HEADS = 6, SHARED = 2, CAPACITY = 192 };
        size_t size = sizes[s], width = (size + 15) / 16 * 16, stride = (HEADS + 2 * SHARED) * size;
        float *raw = numbers(ROWS * stride, 7), *rows = numbers(ROWS * stride, 7);
        float *weight = numbers(size, 8), *cosines = numbers(ROWS * size, 9), *sines = zeros(ROWS * size);
        for (size_t i = 0; i < ROWS * (size / 2); i++) {
            // Cosine and sine of one library are not those of another: cut to what both agree on.
            float angle = 3 * cosines[i];
            sines[i] = roundf(sinf(angle) * 4096) / 4096;
            cosines[i] = roundf(cosf(angle) * 4096) / 4096;
        }
        float *keys = zeros(SHARED * CAPACITY * size), *values = zeros(SHARED * CAPACITY * width);
        falcon_placement placement = {
            rows, stride, HEADS, SHARED, size, weight, weight, cosines, sines, 1e-5f, keys, values, CAPACITY, width, 5};
        k->place(&placement, 0, 70);
        k->place(&placement, 70, ROWS - 70);
        for (size_t r = 0; r < ROWS; r++)
            for (size_t h = 0; h < HEADS + SHARED; h++) {
                const float *x = raw + r * stride + h * size, *out = rows + r * stride + h * size;
                double squares = 0;
                for (size_t d = 0; d < size; d++) squares += (double)x[d] * x[d];
                double scale = 1 / sqrt(squares / (double)size + 1e-5);
                for (size_t d = 0; d < size / 2; d++) {
                    double a = x[d] * scale * weight[d], b = x[d + size / 2] * scale * weight[d + size / 2];
                    double cosine = cosines[r * (size / 2) + d], sine = sines[r * (size / 2) + d];
                    compare(&place, out[d], a * cosine - b * sine);
                    compare(&place, out[d + size / 2], b * cosine + a * sine);
                }
                size_t slot = r + 5, shared = h - HEADS;
                for (size_t d = 0; h >= HEADS && d < size; d++) {
                    const float *key = keys + (shared * CAPACITY + slot / 64 * 64) * size + d * 64 + slot % 64;
                    compare(&place, *key, out[d]);
                    compare(&place, values[(shared * CAPACITY + slot) * width + d], x[SHARED * size + d]);
                }
            }
        remember(&place, rows, ROWS * stride * 4);

        falcon_visible visible[ROWS];
        int32_t extra[2 * ROWS];
        for (int32_t r = 0; r < ROWS; r++) {
            extra[2 * r] = 120 + r % 30, extra[2 * r + 1] = 154 - r % 30;
            visible[r] = (falcon_visible){1 + (r * 37) % 115, 2 * r, r % 3};
            if (r % 3 == 0) visible[r].extra_count = 0;
        }
        float *out = zeros(ROWS * HEADS * size), *scratch = zeros(FALCON_ATTENTION_BLOCK * CAPACITY + 2);
        for (size_t shared = 0; shared < SHARED; shared++) {
            enum { GROUP = HEADS / SHARED };
            falcon_attention a = {
                rows + shared * GROUP * size, stride, GROUP, size, keys + shared * CAPACITY * size,
                values + shared * CAPACITY * width, width, ROWS + 5, visible, extra, 0.7f, out + shared * GROUP * size,
                HEADS * size};
            k->attend(&a, 0, 201, scratch);
            k->attend(&a, 201, ROWS * GROUP - 201, scratch);
            for (size_t r = 0; r < ROWS; r++)
                for (size_t h = 0; h < GROUP; h++) {
                    double total = 0, sums[128] = {0};
                    for (int32_t j = 0; j < visible[r].prefix + visible[r].extra_count; j++) {
                        int32_t prefix = visible[r].prefix;
                        size_t slot = (size_t)(j < prefix ? j : extra[visible[r].extra_start + j - prefix]);
                        double score = 0;
                        for (size_t d = 0; d < size; d++)
                            score += (double)a.queries[r * stride + h * size + d]
                                * a.keys[slot / 64 * 64 * size + d * 64 + slot % 64];
                        double part = exp((double)a.scale * score);
                        total += part;
                        for (size_t d = 0; d < size; d++) sums[d] += part * a.values[slot * width + d];
                    }
                    for (size_t d = 0; d < size; d++)
                        compare(&attend, a.out[r * a.out_stride + h * size + d], sums[d] / total);
                }
        }
        remember(&attend, out, ROWS * HEADS * size * 4);
        free(raw), free(rows), free(weight), free(cosines), free(sines), free(keys), free(values), free(out);
        free(scratch);
    }
    finish(place);
    finish(attend);
}

void check_inference(void) {
    // The first is what every processor of the architecture runs: SSE2 on x86-64, NEON on Arm.
    const falcon_inference_kernels *variants[8];
    falcon_inference_variants(variants);
    check_norms(variants[0]);
    check_gated_unit(variants[0]);
    check_attention(variants[0]);
}

// Products of inference with 1 to 9 rows, in every form of packed weights: the bits are the same on every processor.
#include "../../../Sources/CFalconKernels/include/conversion.h"
#include "../../../Sources/CFalconKernels/include/dequantize.h"
#include "../../../Sources/CFalconKernels/include/product.h"
#include "check.h"

// What a form makes of a weight: bfloat16 is exact about values that are rounded already, 8 bits are off by half a
// step of 1 / 127 at most, of weight and of row.
static void check_product(const falcon_product_kernels *k, int form, const char *name, double limit) {
    check c = begin(name, limit, 1);
    for (size_t depth = 1; depth < 200; depth += 33)
        for (size_t rows = 1; rows < 10; rows++) {
            enum { COLUMNS = 71, PANELS = (COLUMNS + FALCON_PANEL - 1) / FALCON_PANEL };
            float *x = numbers(rows * depth, 31), *weight = numbers(COLUMNS * depth, 32), *bias = numbers(COLUMNS, 33);
            if (form == FALCON_BFLOAT16_PANELS || form == FALCON_PAIR_PANELS)
                for (size_t i = 0; i < COLUMNS * depth; i++) weight[i] = rounded(weight[i]);
            if (form == FALCON_PAIR_PANELS)
                for (size_t i = 0; i < rows * depth; i++) x[i] = rounded(x[i]);
            const void *columns[COLUMNS];
            for (size_t column = 0; column < COLUMNS; column++) columns[column] = weight + column * depth;
            void *panels = zeros(PANELS * falcon_panel_bytes(form, depth) / 4);
            void *packed = zeros(rows * falcon_row_bytes(form, depth) / 4);
            float *out = zeros(rows * COLUMNS);
            falcon_pack_panels(k, form, columns, COLUMNS, depth, FALCON_FLOAT32, 0, PANELS, panels);
            size_t blocks = falcon_row_blocks(k, form, rows);
            falcon_pack_rows(k, form, x, rows, depth, 0, blocks, packed);
            falcon_product product = {form, rows, depth, COLUMNS, packed, panels, bias, out, COLUMNS};
            falcon_multiply_panels(k, &product, 0, 1, 0, blocks);
            falcon_multiply_panels(k, &product, 1, PANELS - 1, 0, blocks);
            for (size_t r = 0; r < rows; r++)
                for (size_t column = 0; column < COLUMNS; column++) {
                    double sum = bias[column];
                    for (size_t d = 0; d < depth; d++) sum += (double)x[r * depth + d] * weight[column * depth + d];
                    compare(&c, out[r * COLUMNS + column], sum);
                }
            remember(&c, out, rows * COLUMNS * 4);
            free(x), free(weight), free(bias), free(panels), free(packed), free(out);
        }
    finish(c);
}

// Blocks of a GGUF type of any bits: `scale` and `minimum` are the places of half-precision numbers in a block, or -1.
typedef struct {
    const char *name;
    int form, type;
    size_t values, bytes;
    int scale, minimum;
    float size;
} block_type;

// Weights are exact, rows are off by half a step of 1 / 127 of their group's largest at most.
static void check_blocks(const falcon_product_kernels *k, const block_type *t) {
    check c = begin(t->name, 0.1, 1);
    for (size_t depth = t->values; depth <= 3 * t->values; depth += t->values)
        for (size_t rows = 1; rows < 10; rows++) {
            enum { COLUMNS = 71, PANELS = (COLUMNS + FALCON_PANEL - 1) / FALCON_PANEL };
            size_t blocks = COLUMNS * depth / t->values;
            float *x = numbers(rows * depth, 41), *bias = numbers(COLUMNS, 43), *scales = numbers(2 * blocks, 44);
            float *random = numbers(blocks * t->bytes, 42), *weight = zeros(COLUMNS * depth);
            unsigned char *stored = (unsigned char *)zeros(blocks * t->bytes / 4 + 1);
            for (size_t i = 0; i < blocks * t->bytes; i++) stored[i] = (unsigned char)((int)(random[i] * 0x1p23f) >> 8);
            for (size_t i = 0; i < blocks; i++) {
                float scale = scales[2 * i] * t->size, minimum = scales[2 * i + 1] * t->size;
                if (t->scale >= 0) falcon_narrow_float16(&scale, stored + i * t->bytes + t->scale, 1);
                else stored[i * t->bytes] = (unsigned char)(118 + i % 5);
                if (t->minimum >= 0) falcon_narrow_float16(&minimum, stored + i * t->bytes + t->minimum, 1);
            }
            falcon_dequantize(t->type, stored, weight, blocks);
            const void *columns[COLUMNS];
            for (size_t column = 0; column < COLUMNS; column++)
                columns[column] = stored + column * (depth / t->values * t->bytes);
            void *panels = zeros(PANELS * falcon_panel_bytes(t->form, depth) / 4);
            void *packed = zeros(rows * falcon_row_bytes(t->form, depth) / 4);
            float *out = zeros(rows * COLUMNS);
            falcon_pack_panels(k, t->form, columns, COLUMNS, depth, 0, 0, PANELS, panels);
            size_t cut = falcon_row_blocks(k, t->form, rows);
            falcon_pack_rows(k, t->form, x, rows, depth, 0, cut, packed);
            falcon_product product = {t->form, rows, depth, COLUMNS, packed, panels, bias, out, COLUMNS};
            falcon_multiply_panels(k, &product, 0, 1, 0, cut);
            falcon_multiply_panels(k, &product, 1, PANELS - 1, 0, cut);
            for (size_t r = 0; r < rows; r++)
                for (size_t column = 0; column < COLUMNS; column++) {
                    double sum = bias[column];
                    for (size_t d = 0; d < depth; d++) sum += (double)x[r * depth + d] * weight[column * depth + d];
                    compare(&c, out[r * COLUMNS + column], sum);
                }
            remember(&c, out, rows * COLUMNS * 4);
            free(x), free(weight), free(bias), free(scales), free(random), free(stored);
            free(panels), free(packed), free(out);
        }
    finish(c);
}

void check_products(void) {
    const falcon_product_kernels *variants[8];
    falcon_product_variants(variants);
    check_product(variants[0], FALCON_FLOAT32_PANELS, "product, float32", 1e-5);
    check_product(variants[0], FALCON_BFLOAT16_PANELS, "product, bfloat16 weights", 1e-5);
    check_product(variants[0], FALCON_PAIR_PANELS, "product, bfloat16", 1e-5);
    check_product(variants[0], FALCON_QUAD_PANELS, "product, 8 bits", 0.1);
    check_product(variants[0], FALCON_INT4_PANELS, "product, 4 bits", 1.5);
    static const block_type types[] = {
        {"product, Q4_0", FALCON_Q4_0_PANELS, 2, 32, 18, 0, -1, 0.1f},
        {"product, Q4_1", FALCON_Q4_1_PANELS, 3, 32, 20, 0, 2, 0.1f},
        {"product, Q5_0", FALCON_Q5_0_PANELS, 6, 32, 22, 0, -1, 0.05f},
        {"product, Q5_1", FALCON_Q5_1_PANELS, 7, 32, 24, 0, 2, 0.05f},
        {"product, Q8_0", FALCON_Q8_0_PANELS, 8, 32, 34, 0, -1, 0.01f},
        {"product, Q3_K", FALCON_Q3_K_PANELS, 11, 256, 110, 108, -1, 0.005f},
        {"product, Q4_K", FALCON_Q4_K_PANELS, 12, 256, 144, 0, 2, 0.001f},
        {"product, Q5_K", FALCON_Q5_K_PANELS, 13, 256, 176, 0, 2, 0.0005f},
        {"product, Q6_K", FALCON_Q6_K_PANELS, 14, 256, 210, 208, -1, 0.0003f},
        {"product, IQ4_NL", FALCON_IQ4_NL_PANELS, 20, 32, 18, 0, -1, 0.01f},
        {"product, IQ4_XS", FALCON_IQ4_XS_PANELS, 23, 256, 136, 0, -1, 0.0005f},
        {"product, MXFP4", FALCON_MXFP4_PANELS, 39, 32, 17, -1, -1, 0},
    };
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) check_blocks(variants[0], types + i);
}

// Products of inference with 1 to 9 rows, in every form of packed weights: the bits are the same on every processor.
#include "../../Sources/CFalconKernels/include/product.h"
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

void check_products(void) {
    const falcon_product_kernels *variants[8];
    falcon_product_variants(variants);
    check_product(variants[0], FALCON_FLOAT32_PANELS, "product, float32", 1e-5);
    check_product(variants[0], FALCON_BFLOAT16_PANELS, "product, bfloat16 weights", 1e-5);
    check_product(variants[0], FALCON_PAIR_PANELS, "product, bfloat16", 1e-5);
    check_product(variants[0], FALCON_QUAD_PANELS, "product, 8 bits", 0.1);
}

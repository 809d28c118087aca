// What all forms and variants share: how panels are packed, and how a product is cut into blocks and tiles.
#include "include/product.h"
#include <string.h>

// How many groups a depth takes.
static size_t groups(const falcon_panel_form *form, size_t depth) { return (depth + form->group - 1) / form->group; }

size_t falcon_panel_bytes(int form, size_t depth) {
    const falcon_panel_form *f = falcon_products()->forms + form;
    return groups(f, depth) * f->panel_bytes;
}

size_t falcon_row_bytes(const falcon_product_kernels *kernels, int form, size_t depth) {
    return groups(kernels->forms + form, depth) * kernels->forms[form].row_bytes;
}

// At about the pace of memory: the source is read a cache line at a time, the panel written in order.
void falcon_pack_panels(
    const falcon_product_kernels *kernels, int form, const void *const *rows, size_t columns, size_t depth, int type,
    size_t first, size_t count, void *panels) {
    const falcon_panel_form *f = kernels->forms + form;
    const size_t step = f->group > 64 ? f->group : 64;
    size_t bytes = falcon_panel_bytes(form, depth);
    for (size_t index = first; index < first + count; index++) {
        size_t column = index * FALCON_PANEL;
        size_t width = columns - column < FALCON_PANEL ? columns - column : FALCON_PANEL;
        char *panel = (char *)panels + index * bytes;
        if (width < FALCON_PANEL) memset(panel, 0, bytes);
        for (size_t start = 0; start < depth; start += step) {
            size_t end = start + step < depth ? start + step : depth;
            for (size_t c = 0; c < width; c++) f->pack_column(rows[column + c], type, depth, start, end, c, panel);
        }
    }
}

size_t falcon_row_blocks(const falcon_product_kernels *kernels, int form, size_t rows) {
    size_t most = kernels->forms[form].block_rows;
    return (rows + most - 1) / most;
}

// Rows of block `index` begin here: blocks of a product differ by one row at most.
static size_t block_start(size_t rows, size_t blocks, size_t index) { return rows * index / blocks; }

void falcon_pack_rows(
    const falcon_product_kernels *kernels, int form, const float *x, size_t rows, size_t depth, size_t first,
    size_t count, void *packed) {
    size_t blocks = falcon_row_blocks(kernels, form, rows), bytes = falcon_row_bytes(kernels, form, depth);
    for (size_t index = first; index < first + count; index++) {
        size_t start = block_start(rows, blocks, index), end = block_start(rows, blocks, index + 1);
        kernels->forms[form].pack_rows(x + start * depth, end - start, depth, (char *)packed + start * bytes);
    }
}

// Panels are taken in groups that stay in the second-level cache while all blocks of rows pass over them.
void falcon_multiply_panels(
    const falcon_product_kernels *kernels, const falcon_product *product, size_t first, size_t count,
    size_t first_block, size_t block_count) {
    size_t blocks = falcon_row_blocks(kernels, product->form, product->rows);
    size_t row_bytes = falcon_row_bytes(kernels, product->form, product->depth);
    size_t panel_bytes = falcon_panel_bytes(product->form, product->depth);
    size_t panel_count = (product->columns + FALCON_PANEL - 1) / FALCON_PANEL;
    // Some blocks of pairs take one panel at a time, and fetch the next one meanwhile, the first two of them half of
    // it each: memory works while they compute. (8 bits were slower so: there memory has enough time anyway.)
    int fetches = product->form == FALCON_PAIR_PANELS && block_count <= 16 && product->rows > 3;
    size_t group = fetches ? 1 : block_count == 1 ? count : panel_bytes ? 262144 / panel_bytes : count;
    if (group < 1) group = 1;
    for (size_t panel = first; panel < first + count; panel += group) {
        size_t end = panel + group < first + count ? panel + group : first + count;
        for (size_t index = first_block; index < first_block + block_count; index++) {
            size_t start = block_start(product->rows, blocks, index);
            size_t size = block_start(product->rows, blocks, index + 1) - start;
            const char *ahead[2] = {0, 0};
            if (fetches && end < panel_count && index < first_block + 2) {
                const char *next = (const char *)product->panels + end * panel_bytes;
                ahead[0] = index == first_block ? next : next + panel_bytes / 2;
                ahead[1] = block_count == 1 ? next + panel_bytes / 2 : ahead[0];
            }
            kernels->forms[product->form].multiply(
                product, (const char *)product->packed_rows + start * row_bytes, size, panel, end, ahead,
                product->out + start * product->stride);
        }
    }
}

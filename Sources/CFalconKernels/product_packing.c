// Packing weights for products, once at load, at about the pace of memory: the source is read a cache line at a
// time, the panel written in order.
#include "include/product.h"
#include <string.h>

size_t falcon_panel_bytes(int form, size_t depth) {
    switch (form) {
    case FALCON_PAIR_PANELS: return (depth + 1) / 2 * FALCON_PANEL * 4;
    case FALCON_BFLOAT16_PANELS: return depth * FALCON_PANEL * 2;
    case FALCON_QUAD_PANELS:
        return (depth + FALCON_GROUP - 1) / FALCON_GROUP * FALCON_PANEL * (4 + FALCON_GROUP);
    default: return depth * FALCON_PANEL * 4;
    }
}

size_t falcon_row_bytes(int form, size_t depth) {
    switch (form) {
    case FALCON_PAIR_PANELS: return (depth + 1) / 2 * 4;
    case FALCON_QUAD_PANELS: return (depth + FALCON_GROUP - 1) / FALCON_GROUP * (8 + FALCON_GROUP);
    default: return depth * 4;
    }
}

// The bits of a stored float32 or bfloat16 value as a float32.
static uint32_t value_bits(const unsigned char *source, int type, size_t k) {
    uint32_t bits;
    uint16_t half;
    if (type == FALCON_FLOAT32) {
        memcpy(&bits, source + 4 * k, 4);
        return bits;
    }
    memcpy(&half, source + 2 * k, 2);
    return (uint32_t)half << 16;
}

// bfloat16, rounded to nearest even; NaN stays NaN.
static uint32_t rounded(uint32_t bits) {
    if ((bits & 0x7fffffff) > 0x7f800000) return bits >> 16 | 0x40;
    return (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
}

// One stored row's values `start ..< end` into column c of a panel.
static void pack_column(
    int form, const unsigned char *source, int type, size_t depth, size_t start, size_t end, size_t c, void *panel) {
    uint32_t *words = (uint32_t *)panel + c;
    uint16_t *halves = (uint16_t *)panel + c;
    if (form == FALCON_PAIR_PANELS) {
        size_t k = start;
        if (type == FALCON_BFLOAT16)
            for (; k + 2 <= end; k += 2) memcpy(words + k / 2 * FALCON_PANEL, source + 2 * k, 4);
        for (; k < end; k += 2) {
            uint32_t late = k + 1 < depth ? rounded(value_bits(source, type, k + 1)) : 0;
            words[k / 2 * FALCON_PANEL] = rounded(value_bits(source, type, k)) | late << 16;
        }
    } else if (form == FALCON_QUAD_PANELS) {
        float values[FALCON_GROUP];
        int8_t quantized[FALCON_GROUP];
        for (size_t k = start; k < end; k++) {
            uint32_t bits = value_bits(source, type, k);
            memcpy(values + (k - start), &bits, 4);
        }
        words += start / FALCON_GROUP * FALCON_PANEL * (1 + FALCON_GROUP / 4);
        falcon_products()->quantize(values, end - start, quantized, (float *)words);
        for (size_t quad = 0; quad < FALCON_GROUP / 4; quad++) {
            uint32_t bits;
            memcpy(&bits, quantized + 4 * quad, 4);
            words[(1 + quad) * FALCON_PANEL] = bits ^ 0x80808080;
        }
    } else if (form == FALCON_BFLOAT16_PANELS) {
        for (size_t k = start; k < end; k++) halves[k * FALCON_PANEL] = (uint16_t)rounded(value_bits(source, type, k));
    } else {
        for (size_t k = start; k < end; k++) words[k * FALCON_PANEL] = value_bits(source, type, k);
    }
}

void falcon_pack_panels(
    int form, const void *const *rows, size_t columns, size_t depth, int type, size_t first, size_t count,
    void *panels) {
    const size_t step = FALCON_GROUP;
    size_t bytes = falcon_panel_bytes(form, depth);
    for (size_t index = first; index < first + count; index++) {
        size_t column = index * FALCON_PANEL;
        size_t width = columns - column < FALCON_PANEL ? columns - column : FALCON_PANEL;
        char *panel = (char *)panels + index * bytes;
        if (width < FALCON_PANEL) memset(panel, 0, bytes);
        for (size_t start = 0; start < depth; start += step) {
            size_t end = start + step < depth ? start + step : depth;
            for (size_t c = 0; c < width; c++)
                pack_column(form, rows[column + c], type, depth, start, end, c, panel);
        }
    }
}

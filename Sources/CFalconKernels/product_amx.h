// The form of tiles in the registers that it is made for: one block of at most 32 rows (product_amx.c).
#pragma once
#include "include/product.h"

void falcon_multiply_tiles(
    const falcon_product *product, const void *x, size_t rows, size_t first, size_t end, const char *const ahead[2],
    float *out);

// The arithmetic in registers alone; returns the multiply-adds done.
double falcon_peak_tiles(size_t steps, float *sink);

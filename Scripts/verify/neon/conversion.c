// Widening and narrowing, and the plain sums: all are exact or have one order on every machine.
#include "../../../Sources/CFalconKernels/include/conversion.h"
#include "../../../Sources/CFalconKernels/include/training_elementwise.h"
#include "check.h"

void check_conversion(void) {
    enum { COUNT = 65536 };
    uint16_t *halves = malloc(COUNT * 2), *back = malloc(COUNT * 2);
    float *wide = zeros(COUNT);
    for (size_t i = 0; i < COUNT; i++) halves[i] = (uint16_t)i;

    check c = begin("float16 widened and back", 0, 1);
    falcon_widen_float16(halves, wide, COUNT);
    falcon_narrow_float16(wide, back, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        int exponent = (int)(i >> 10 & 31), fraction = (int)(i & 1023);
        double value = exponent ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
        if (exponent < 31) {
            compare(&c, wide[i], i >> 15 ? -value : value);
            compare(&c, back[i], (double)i);
        }
    }
    remember(&c, wide, COUNT * 4);
    remember(&c, back, COUNT * 2);
    finish(c);

    c = begin("bfloat16 widened, rounded", 0, 1);
    falcon_widen_bfloat16(halves, wide, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        uint32_t bits;
        memcpy(&bits, wide + i, 4);
        compare(&c, bits, (double)(i << 16));
    }
    float *x = numbers(COUNT, 1);
    falcon_narrow_bfloat16(x, halves, COUNT);
    falcon_widen_bfloat16(halves, wide, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        int exponent;
        frexp(x[i], &exponent);
        compare(&c, wide[i], ldexp(nearbyint(ldexp(x[i], 8 - exponent)), exponent - 8));
    }
    remember(&c, halves, COUNT * 2);
    finish(c);

    c = begin("sums in double precision", 1e-10, 1);
    for (size_t count = 0; count < 40; count++) {
        double sum = 0, squares = 0;
        for (size_t i = 0; i < count; i++) sum += x[i], squares += (double)x[i] * x[i];
        double found[2] = {falcon_sum(x, count), falcon_sum_of_squares(x, count)};
        compare(&c, found[0], sum);
        compare(&c, found[1], squares);
        remember(&c, found, sizeof found);
    }
    finish(c);

    c = begin("add, multiply, scale, clamp", 3e-7, 1);
    float *y = numbers(COUNT, 2);
    memcpy(wide, x, COUNT * 4);
    falcon_add(wide, y, COUNT);
    falcon_multiply(wide, y, COUNT);
    falcon_scale(wide, 3, COUNT);
    falcon_clamp(wide, 2, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        compare(&c, wide[i], fmax(-2, fmin(2, 3 * (((double)x[i] + y[i]) * y[i]))) );
    remember(&c, wide, COUNT * 4);
    finish(c);
}

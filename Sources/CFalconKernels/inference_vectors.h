// Vectors of 16 lanes, for every variant: a narrower processor splits them without changing a result.
// Vectors are passed between inlined functions only, so their calling convention never matters.
#pragma clang diagnostic ignored "-Wpsabi"

typedef float lanes __attribute__((ext_vector_type(16)));
typedef float lanes_unaligned __attribute__((ext_vector_type(16), aligned(4)));
typedef uint16_t halves_unaligned __attribute__((ext_vector_type(16), aligned(2)));
typedef uint32_t words __attribute__((ext_vector_type(16)));
typedef int32_t integers __attribute__((ext_vector_type(16)));

#define INLINE static inline __attribute__((always_inline))
#define UNROLL _Pragma("clang loop unroll(full)")

INLINE lanes VARIANT(load)(const float *p) { return *(const lanes_unaligned *)p; }
INLINE void VARIANT(store)(float *p, lanes v) { *(lanes_unaligned *)p = v; }

// exp(x) for x <= 88: Cephes' split into a power of two and a polynomial, relative error below 2e-7. Results below
// the smallest normal number become 0, so -infinity gives 0.
INLINE lanes VARIANT(exponential)(lanes x) {
    lanes clamped = __builtin_elementwise_max(x, (lanes)-87.5f);
    // Adding 1.5 * 2^23 rounds to a whole number, to even.
    lanes n = clamped * 1.44269504088896341f + 12582912.0f - 12582912.0f;
    lanes r = __builtin_elementwise_fma(n, (lanes)-0.693359375f, clamped);
    r = __builtin_elementwise_fma(n, (lanes)2.12194440e-4f, r);
    lanes p = (lanes)1.9875691500e-4f;
    p = __builtin_elementwise_fma(p, r, (lanes)1.3981999507e-3f);
    p = __builtin_elementwise_fma(p, r, (lanes)8.3334519073e-3f);
    p = __builtin_elementwise_fma(p, r, (lanes)4.1665795894e-2f);
    p = __builtin_elementwise_fma(p, r, (lanes)1.6666665459e-1f);
    p = __builtin_elementwise_fma(p, r, (lanes)5.0000001201e-1f);
    p = __builtin_elementwise_fma(p, r * r, r + 1.0f);
    integers power = (__builtin_convertvector(n, integers) + 127) << 23;
    lanes result = p * __builtin_bit_cast(lanes, power);
    lanes outside = x < (lanes)-87.5f ? (lanes)0.0f : x;  // not a number stays so
    return x >= (lanes)-87.5f ? result : outside;
}

// The sum of 16 lanes by halves: ((0+8)+(4+12))+... in one fixed order.
INLINE float VARIANT(sum)(lanes v) {
    float a[16], b[8];
    VARIANT(store)(a, v);
    for (int i = 0; i < 8; i++) b[i] = a[i] + a[i + 8];
    for (int i = 0; i < 4; i++) b[i] += b[i + 4];
    return (b[0] + b[2]) + (b[1] + b[3]);
}

// Turns 16 rows of 16 values over, by exchanging halves, quarters, eighths and sixteenths.
INLINE void VARIANT(transpose)(lanes row[16]) {
#define EXCHANGE(STEP, LOW, HIGH)                            \
    UNROLL for (int i = 0; i < 16; i++)                      \
        if (!(i & STEP)) {                                   \
            lanes a = row[i], b = row[i + STEP];             \
            row[i] = __builtin_shufflevector(a, b, LOW);     \
            row[i + STEP] = __builtin_shufflevector(a, b, HIGH); \
        }
#define HALVES_LOW 0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23
#define HALVES_HIGH 8, 9, 10, 11, 12, 13, 14, 15, 24, 25, 26, 27, 28, 29, 30, 31
#define QUARTERS_LOW 0, 1, 2, 3, 16, 17, 18, 19, 8, 9, 10, 11, 24, 25, 26, 27
#define QUARTERS_HIGH 4, 5, 6, 7, 20, 21, 22, 23, 12, 13, 14, 15, 28, 29, 30, 31
#define EIGHTHS_LOW 0, 1, 16, 17, 4, 5, 20, 21, 8, 9, 24, 25, 12, 13, 28, 29
#define EIGHTHS_HIGH 2, 3, 18, 19, 6, 7, 22, 23, 10, 11, 26, 27, 14, 15, 30, 31
#define SIXTEENTHS_LOW 0, 16, 2, 18, 4, 20, 6, 22, 8, 24, 10, 26, 12, 28, 14, 30
#define SIXTEENTHS_HIGH 1, 17, 3, 19, 5, 21, 7, 23, 9, 25, 11, 27, 13, 29, 15, 31
    EXCHANGE(8, HALVES_LOW, HALVES_HIGH)
    EXCHANGE(4, QUARTERS_LOW, QUARTERS_HIGH)
    EXCHANGE(2, EIGHTHS_LOW, EIGHTHS_HIGH)
    EXCHANGE(1, SIXTEENTHS_LOW, SIXTEENTHS_HIGH)
#undef EXCHANGE
#undef HALVES_LOW
#undef HALVES_HIGH
#undef QUARTERS_LOW
#undef QUARTERS_HIGH
#undef EIGHTHS_LOW
#undef EIGHTHS_HIGH
#undef SIXTEENTHS_LOW
#undef SIXTEENTHS_HIGH
}

// The loops of training: attention's softmax, recurrent cells, losses over a vocabulary, the optimiser.
//
// Each loop works on one thread, on memory that the caller owns; matrices are row-major float32 with the given stride
// between rows. Every instruction set has a table of its own, so that tests can run all that the processor knows.
#pragma once
#include <stddef.h>
#include <stdint.h>

// One time step of an LSTM for all rows of a batch. Gates are four runs (i, f, g, o) of hidden_size values.
typedef struct falcon_lstm_step {
    size_t hidden_size, rows;
    size_t gate_stride, state_stride, previous_stride;  // between rows
    const float *_Nullable previous_hidden;             // NULL: the state is zero
    const float *_Nullable previous_cell;
    float *_Nonnull gates;                              // in: without the recurrent part; out: after activation
    float *_Nonnull cell;
    float *_Nonnull hidden;
    // Where the recurrent weight is in bfloat16, the hidden values are rounded for it, [rows, rounded_stride]: read
    // instead of previous_hidden, and written beside hidden. Rows start at even places and end in zeros.
    const uint16_t *_Nullable previous_rounded;
    uint16_t *_Nullable rounded;
    size_t rounded_stride;
} falcon_lstm_step;

// The same step backwards.
typedef struct falcon_lstm_step_adjoint {
    size_t hidden_size, rows;
    size_t gate_stride, state_stride, previous_stride;
    const float *_Nullable next_gate_gradients;         // of the step after this one; NULL at the last
    const float *_Nullable previous_cell;
    const float *_Nonnull gates;                        // after activation
    const float *_Nonnull cell;
    const float *_Nonnull hidden_gradient;              // from above, without the recurrent part
    float *_Nonnull cell_gradient;                      // [rows, hidden_size], carried from step to step
    float *_Nonnull gate_gradients;                     // out: before activation
    // As in the step: the gate gradients rounded, [rows, rounded_stride].
    const uint16_t *_Nullable next_rounded;
    uint16_t *_Nullable rounded;
    size_t rounded_stride;
} falcon_lstm_step_adjoint;

// The constants of one step of AdamW.
typedef struct falcon_adamw {
    float scale, limit;  // of gradients: multiplied first, then cut to +-limit (infinite: not at all; NaN stays NaN)
    float beta1, beta2;
    float rest1, rest2;  // 1 - beta, rounded once: 1 - (float)0.999 is 1.3e-5 off
    float epsilon;
    float decay;            // 1 - rate * weight_decay
    float step_size;        // rate / (1 - beta1^t)
    float root_correction;  // sqrt(1 - beta2^t)
} falcon_adamw;

typedef struct falcon_training_loops {
    const char *_Nonnull name;

    // Elementary functions, in place; for tests of the vector mathematics.
    void (*_Nonnull exponential)(float *_Nonnull values, size_t count);
    void (*_Nonnull logarithm)(float *_Nonnull values, size_t count);
    void (*_Nonnull sigmoid)(float *_Nonnull values, size_t count);
    void (*_Nonnull hyperbolic_tangent)(float *_Nonnull values, size_t count);

    // Products of bfloat16 values with float32 sums; layouts in training_product_body.h. The right operand is packed in
    // panels of `product_panel` columns; rows are best taken in multiples of `product_rows`.
    size_t product_rows, product_panel;
    // Packs `count` columns as one panel of `width`. Value d of column c is source[c * stride + d] if `along_depth`,
    // else source[d * stride + c].
    void (*_Nonnull pack_pairs)(
        const float *_Nonnull source, size_t stride, int along_depth, size_t count, size_t width, size_t depth,
        uint32_t *_Nonnull target);
    // Packs rows of the left operand, [rows][pairs of the depth]; `along_depth` alike.
    void (*_Nonnull pack_rows)(
        const float *_Nonnull source, size_t stride, int along_depth, size_t rows, size_t depth,
        uint32_t *_Nonnull target);
    // result[rows, columns] = keeping * result + left * panel, over `pairs` pairs of the depth.
    void (*_Nonnull multiply_pairs)(
        const uint32_t *_Nonnull left, size_t rows, const uint32_t *_Nonnull panel, size_t pairs,
        float *_Nonnull result, size_t stride, size_t columns, float keeping);

    // Turns scores [rows, columns] into probabilities over the first visible[row] columns and zeros behind them, and
    // writes each row's log-sum-exp (minus infinity where nothing is visible).
    void (*_Nonnull attention_soften)(
        float *_Nonnull scores, size_t stride, size_t rows, size_t columns, const int32_t *_Nonnull visible,
        float *_Nonnull log_sum_exp);
    // scores [rows, columns]: in scores, out probabilities P. gradients: in dL/dP, out dL/dscores * scale, which is
    // P * (dL/dP - dot) * scale with dot[row] the product of the output's row and its gradient.
    void (*_Nonnull attention_adjoint)(
        float *_Nonnull scores, float *_Nonnull gradients, size_t stride, size_t rows, size_t columns,
        const int32_t *_Nonnull visible, const float *_Nonnull log_sum_exp, const float *_Nonnull dot, float scale);

    float (*_Nonnull dot)(const float *_Nonnull left, const float *_Nonnull right, size_t count);

    // LSTM over time. The recurrent weight [4 * hidden, hidden] is laid out in panels once for a sequence: see
    // training_recurrence_body.h. `adjoint` picks one of two layouts, `paired` bfloat16 values by pairs in their words.
    size_t (*_Nonnull lstm_panel_count)(size_t hidden_size, int adjoint);
    // Words of 32 bits: one float or one pair.
    size_t (*_Nonnull lstm_panel_size)(size_t hidden_size, int adjoint, int paired);
    void (*_Nonnull lstm_pack)(
        const float *_Nonnull weight, size_t hidden_size, int adjoint, int paired, size_t panel,
        void *_Nonnull target);
    // One step for the units of some panels.
    void (*_Nonnull lstm_step)(
        const falcon_lstm_step *_Nonnull step, int paired, const void *_Nonnull panels, size_t first_panel,
        size_t panel_count);
    void (*_Nonnull lstm_step_adjoint)(
        const falcon_lstm_step_adjoint *_Nonnull step, int paired, const void *_Nonnull panels, size_t first_panel,
        size_t panel_count);
    // A cell that starts from zero: hidden = o * tanh(i * g). gates: i, g, o, each `size` long; in before bias and
    // activation, out after.
    void (*_Nonnull gated_cell)(
        float *_Nonnull gates, const float *_Nonnull bias, float *_Nonnull hidden, size_t size);
    void (*_Nonnull gated_cell_adjoint)(
        const float *_Nonnull gates, const float *_Nonnull hidden_gradient, float *_Nonnull gate_gradients,
        size_t size);

    // RMSNorm of one row: output = weight * input * inverse, where inverse = 1 / sqrt(mean(input^2) + epsilon) is
    // returned.
    float (*_Nonnull rms_norm)(
        const float *_Nonnull input, const float *_Nonnull weight, float epsilon, size_t width,
        float *_Nonnull output);
    // Sets the row's input gradient and adds to the weight's.
    void (*_Nonnull rms_norm_adjoint)(
        const float *_Nonnull gradient, const float *_Nonnull input, const float *_Nonnull weight, float inverse,
        size_t width, float *_Nonnull input_gradient, float *_Nonnull weight_gradient);
    // output = gate * sigmoid(gate) * up.
    void (*_Nonnull gated_unit)(
        const float *_Nonnull gate, const float *_Nonnull up, size_t count, float *_Nonnull output);
    void (*_Nonnull gated_unit_adjoint)(
        const float *_Nonnull gradient, const float *_Nonnull gate, const float *_Nonnull up, size_t count,
        float *_Nonnull gate_gradient, float *_Nonnull up_gradient);

    // Returns the sum of smooth-L1 (beta 1) over a row and writes its gradient times `scale`.
    float (*_Nonnull smooth_l1)(
        const float *_Nonnull predicted, const float *_Nonnull target, size_t count, float scale,
        float *_Nonnull gradient);

    // The largest value, and the lowest index that holds it. NaN is passed over.
    float (*_Nonnull maximum)(const float *_Nonnull values, size_t count, int32_t *_Nonnull index);
    // Sum of exp((value - maximum) * scale).
    float (*_Nonnull sum_of_exponentials)(const float *_Nonnull values, size_t count, float maximum, float scale);
    // How many values stand before values[index] when sorted downwards, the lower index first where equal.
    size_t (*_Nonnull rank)(const float *_Nonnull values, size_t count, size_t index);
    // The index at which the running sum of exp(value - maximum) passes `threshold`.
    size_t (*_Nonnull draw)(const float *_Nonnull values, size_t count, float maximum, double threshold);

    // Kullback-Leibler divergence KL(p || q) of one row of logits, p from the teacher's and q from the student's.
    // Returns it, and replaces the student's logits by the gradient (soft + hard) * q - soft * p: that of
    // soft * KL + hard * cross entropy but for the label's own term.
    // `*_log_sum` is the logarithm of the sum of exponentials after subtracting `*_maximum`.
    float (*_Nonnull distil)(
        float *_Nonnull student, const float *_Nonnull teacher, size_t count, float student_maximum,
        float student_log_sum, float teacher_maximum, float teacher_log_sum, float soft, float hard);
    // Sum of min(p, q) over one row of logits, p from the teacher's and q from the student's: the chance that a token
    // drawn from q is accepted. `smaller` becomes the sum of those q that are smaller than their p.
    float (*_Nonnull overlap)(
        const float *_Nonnull student, const float *_Nonnull teacher, size_t count, float student_maximum,
        float student_log_sum, float teacher_maximum, float teacher_log_sum, float *_Nonnull smaller);
    // As `distil`, and adds to the gradient `weight` times the slope of -sum of min(p, q), which is
    // q * (smaller - 1) where q < p and q * smaller elsewhere. Returns KL(p || q).
    float (*_Nonnull distil_overlap)(
        float *_Nonnull student, const float *_Nonnull teacher, size_t count, float student_maximum,
        float student_log_sum, float teacher_maximum, float teacher_log_sum, float smaller, float weight, float soft,
        float hard);
    // The authors' form: sum of p * (log pT - log(qT + epsilon)), where pT and qT are softened by `temperature` but
    // the weight p is not. `*_soft_log_sum` belong to the softened logits.
    float (*_Nonnull distil_authors_code)(
        float *_Nonnull student, const float *_Nonnull teacher, size_t count, float student_maximum,
        float student_log_sum, float student_soft_log_sum, float teacher_maximum, float teacher_log_sum,
        float teacher_soft_log_sum, float temperature, float epsilon, float soft, float hard);
    // logits <- weight * softmax(logits).
    void (*_Nonnull scaled_softmax)(
        float *_Nonnull logits, size_t count, float maximum, float log_sum, float weight);

    // AdamW (Loshchilov and Hutter): decay, moments, step. The gradient is scaled and clipped on the way.
    void (*_Nonnull adamw)(
        const falcon_adamw *_Nonnull step, float *_Nonnull parameter, const float *_Nonnull gradient,
        float *_Nonnull first, float *_Nonnull second, size_t count);
} falcon_training_loops;

// How many tables there can be.
enum { FALCON_TRAINING_TABLES = 5 };

// The fastest table that this processor can run; chosen at the first call.
const falcon_training_loops *_Nonnull falcon_training_loops_best(void);
// Table number `index`, slowest first; NULL where the processor cannot run it.
const falcon_training_loops *_Nullable falcon_training_loops_at(size_t index);

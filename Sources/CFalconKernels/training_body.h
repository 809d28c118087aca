// All loops of training for one instruction set, and their table. A variant file defines LANES and VARIANT, the name
// of its table, and includes this once.
#include "include/training_loops.h"
#include "vector_math.h"

#include "training_elementwise_body.h"
#include "training_decoder_body.h"
#include "training_pairs_body.h"
#include "training_recurrence_body.h"
#ifdef HAS_TILES
#include "training_tiles_body.h"
#else
#include "training_product_body.h"
#endif
#include "training_softmax_body.h"

#define TEXT_OF(name) #name
#define NAME_OF(name) TEXT_OF(name)

const falcon_training_loops VARIANT = {
    .name = NAME_OF(VARIANT),
    .exponential = exponential,
    .logarithm = logarithm,
    .sigmoid = sigmoid,
    .hyperbolic_tangent = hyperbolic_tangent,
    .product_rows = PRODUCT_ROWS,
    .product_panel = PANEL,
    .pack_pairs = pack_pairs,
    .pack_rows = pack_rows,
    .multiply_pairs = multiply_pairs,
    .attention_soften = attention_soften,
    .attention_adjoint = attention_adjoint,
    .dot = dot_product,
    .lstm_panel_count = lstm_panel_count,
    .lstm_panel_size = lstm_panel_size,
    .lstm_pack = lstm_pack,
    .lstm_step = lstm_step,
    .lstm_step_adjoint = lstm_step_adjoint,
    .gated_cell = gated_cell,
    .gated_cell_adjoint = gated_cell_adjoint,
    .rms_norm = rms_norm,
    .rms_norm_adjoint = rms_norm_adjoint,
    .gated_unit = gated_unit,
    .gated_unit_adjoint = gated_unit_adjoint,
    .smooth_l1 = smooth_l1,
    .maximum = maximum,
    .sum_of_exponentials = sum_of_exponentials,
    .rank = rank_of,
    .draw = draw,
    .distil = distil,
    .overlap = overlap,
    .distil_overlap = distil_overlap,
    .distil_authors_code = distil_authors_code,
    .scaled_softmax = scaled_softmax,
    .adamw = adamw,
};

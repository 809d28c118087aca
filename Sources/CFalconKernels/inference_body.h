// Norms and attention of inference, once. Each variant file sets VARIANT(name), the tiles that its registers hold and
// the processor's features, and includes this.
#include "include/inference.h"
#include <string.h>

#include "inference_vectors.h"
#include "inference_elementwise_body.h"
#include "inference_attention_body.h"

const falcon_inference_kernels VARIANT(kernels) = {
    VARIANT_NAME, VARIANT(rms_norm), VARIANT(add_rms_norm), VARIANT(gated_unit), VARIANT(gelu_unit),
    VARIANT(rotate), VARIANT(place), VARIANT(attend), VARIANT(multiply_rows),
};

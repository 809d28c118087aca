// What every processor of the architecture runs (SSE2 on x86-64, NEON on Arm).
#pragma STDC FP_CONTRACT OFF
#define VARIANT(name) falcon_baseline_##name
#define VARIANT_NAME "baseline"
#define QUERY_TILE 2
#define KEY_VECTORS 2
#define VALUE_VECTORS 1
#include "inference_body.h"

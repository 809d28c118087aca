// What every processor of the architecture knows: SSE2 on x86-64, NEON on Arm.
#define LANES 4
#define VARIANT falcon_training_baseline
#include "training_body.h"

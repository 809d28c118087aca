#pragma once
#include <cblas.h>

// The enum tags and the thread switch are all that FalconTensor uses beside cblas_sgemm.
static inline void falcon_openblas_single_threaded(void) { openblas_set_num_threads(1); }

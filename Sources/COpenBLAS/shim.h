#pragma once
#include <cblas.h>

// The enum tags, the thread switch and the buffers are all that FalconTensor uses beside cblas_sgemm.
static inline void falcon_openblas_single_threaded(void) { openblas_set_num_threads(1); }

// A buffer that one product works in, kept by OpenBLAS once it has it. No header of OpenBLAS has these two, and a build
// may lack them.
void *blas_memory_alloc(int) __attribute__((weak));
void blas_memory_free(void *) __attribute__((weak));
static inline void *falcon_openblas_take_buffer(void) { return blas_memory_alloc ? blas_memory_alloc(0) : 0; }
static inline void falcon_openblas_give_buffer(void *buffer) { if (blas_memory_free) blas_memory_free(buffer); }

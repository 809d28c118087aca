// Weights of a GGUF file's quantised blocks as float32.
#pragma once
#include <stddef.h>

// `type` is the file's number of the type, one of those that Swift's `BlockType` lists; `blocks` may be unaligned.
// Every product and sum is one float32 operation, in the order of ggml's own reference code.
void falcon_dequantize(int type, const void *blocks, float *target, size_t count);

// Whether all values of the blocks are finite numbers. It looks at scales where those alone decide.
int falcon_blocks_are_finite(int type, const void *blocks, size_t count);

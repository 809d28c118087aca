// A setting of the C library that Swift does not see.
#pragma once
#if defined(__linux__)
#include <features.h>
#endif
#if defined(__GLIBC__)
#include <malloc.h>
#endif

// Has blocks of this many bytes and more mapped each by itself, and given back when they are freed.
static inline void falcon_map_blocks_from(int bytes) {
#if defined(__GLIBC__)
    mallopt(M_MMAP_THRESHOLD, bytes);
#else
    (void)bytes;
#endif
}

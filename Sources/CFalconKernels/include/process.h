// What Swift does not see of the C library and of signals.
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

// Has the process end with one line that names the file, and status 1, where a mapped file lost pages that are read.
// Called once, at the start of a command.
void falcon_explain_lost_pages(void);

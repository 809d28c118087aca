#if defined(__linux__)
#define _GNU_SOURCE
#include <errno.h>
#include <sys/mman.h>
#endif
#include "include/pages.h"

int falcon_move_pages(void *from, void *to, size_t bytes) {
#if defined(__linux__)
    if (mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED) return 1;
    // Where what was mapped there is gone by now, it comes back; nothing that another thread mapped is written over.
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    void *base = mmap(to, bytes, PROT_READ | PROT_WRITE, flags, -1, 0);
    return (base == MAP_FAILED ? errno != EEXIST : base != to) ? -1 : 0;
#else
    (void)from, (void)to, (void)bytes;
    return 0;
#endif
}

// Commands of this package start again under a limit on memory. A program that links the libraries does not: this
// file belongs to the commands alone.
#include "final_message.h"

#include <string.h>
#include <sys/resource.h>

#if defined(__linux__)

// OpenBLAS starts threads before main does anything, 128 MiB each, and where a limit refuses them it never gets there.
// We have it use one thread anyway. It learns that early enough from its environment only: under a limit on memory the
// process starts again with the word in it, before any library's own start, a sanitizer's among them.
__attribute__((no_sanitize("address", "thread", "undefined", "coverage")))
static void start_without_blas_threads(int count, char **arguments, char **environment) {
    static const char word[] = "OPENBLAS_NUM_THREADS=1";
    struct rlimit limit;
    (void)count;
    if (getrlimit(RLIMIT_AS, &limit) || limit.rlim_cur == RLIM_INFINITY) return;
    size_t entries = 0, kept = 0;
    for (; environment[entries]; entries++)
        if (!strcmp(environment[entries], word)) return;
    char path[LONGEST_PATH];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || entries > 4096) return;
    path[length] = 0;
    char *extended[entries + 2];
    for (size_t entry = 0; entry < entries; entry++)
        if (strncmp(environment[entry], word, sizeof word - 2)) extended[kept++] = environment[entry];
    extended[kept++] = (char *)word;
    extended[kept] = NULL;
    execve(path, arguments, extended);
}

__attribute__((section(".preinit_array"), used)) static void (*const start)(int, char **, char **) =
    start_without_blas_threads;

#endif

// A system that refuses memory ends a process in ways that say nothing: the C library's callers abort or follow a null
// pointer, and OpenBLAS (0.3.21) asks for its buffers over and over without end. Here are the words.
#include "include/process.h"
#include "last_line.h"

#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>

void falcon_end_without_memory(size_t bytes) {
    struct last_line line = {.count = 0};
    append_command(&line);
    append(&line, ": the system has no memory left");
    if (bytes) {
        append(&line, " for ");
        append_number(&line, bytes);
        append(&line, " more bytes");
    }
    append(&line, "; raise its limit (ulimit -v), use a smaller batch or fewer --threads; finished files are whole\n");
    end_in(&line);
}

int falcon_memory_is_left(size_t bytes) {
    void *probe = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (probe == MAP_FAILED) return 0;
    munmap(probe, bytes);
    return 1;
}

enum { SIGNALS = 4 };
static const int signals[SIGNALS] = {SIGABRT, SIGILL, SIGTRAP, SIGSEGV};
static struct sigaction previous[SIGNALS];

// What ends a process by one of these signals while less than this is left, wanted memory.
#define LITTLE ((size_t)32 << 20)

static void explain(int number) {
    if (!falcon_memory_is_left(LITTLE)) falcon_end_without_memory(0);
    // A fault of the program's own: let it end as it would have.
    for (int index = 0; index < SIGNALS; index++)
        if (signals[index] == number) sigaction(number, &previous[index], NULL);
    // Sent again at once where going on would not repeat it.
    if (number == SIGABRT || number == SIGTRAP) raise(number);
}

#if defined(__GLIBC__)

// Swift's own words where the smallest piece of memory is refused ("failed to allocate 80 bytes ..."), just before it
// aborts. They come through the C library's stream; ours take their place.
static ssize_t write_unless_memory_is_lost(void *cookie, const char *text, size_t count) {
    (void)cookie;
    static const char refusal[] = "failed to allocate";
    if (memmem(text, count, refusal, sizeof refusal - 1) && !falcon_memory_is_left(LITTLE))
        falcon_end_without_memory(0);
    return write(STDERR_FILENO, text, count);
}

static void watch_error_stream(void) {
    FILE *stream = fopencookie(NULL, "w", (cookie_io_functions_t){.write = write_unless_memory_is_lost});
    if (!stream) return;
    // Without a buffer, as before: what is said stands there even if the process ends at once.
    setvbuf(stream, NULL, _IONBF, 0);
    stderr = stream;
}

#else
static void watch_error_stream(void) {}
#endif

void falcon_explain_lost_memory(void) {
    watch_error_stream();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = explain;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (int index = 0; index < SIGNALS; index++) sigaction(signals[index], &action, &previous[index]);
}

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

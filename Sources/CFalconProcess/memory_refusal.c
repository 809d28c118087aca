// A system that refuses memory ends a process in ways that say nothing: the C library's callers abort or follow a null
// pointer, and OpenBLAS (0.3.21) asks for its buffers over and over without end. Here are the words.
#include "final_message.h"
#include "include/CFalconProcess.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

void falcon_end_without_memory(size_t bytes) {
    struct final_message line = {.count = 0};
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

static int memory_is_left(size_t bytes) {
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
    if (!memory_is_left(LITTLE)) falcon_end_without_memory(0);
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
    if (memmem(text, count, refusal, sizeof refusal - 1) && !memory_is_left(LITTLE))
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

void falcon_explain_memory_refusals(void) {
    watch_error_stream();
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = explain;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    for (int index = 0; index < SIGNALS; index++) sigaction(signals[index], &action, &previous[index]);
}

// A mapped file that becomes shorter while it is read has no pages behind its new end; touching one raises SIGBUS,
// which ends the process without a word. Here is the word. Everything called is safe within a signal's handler.
#include "final_message.h"
#include "include/CFalconProcess.h"

#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>

#if defined(__linux__)

// One character of a file, -1 at its end.
struct reader {
    int descriptor;
    char buffer[512];
    ssize_t count, next;
};

static int next_character(struct reader *reader) {
    if (reader->next == reader->count) {
        do reader->count = read(reader->descriptor, reader->buffer, sizeof reader->buffer);
        while (reader->count < 0 && errno == EINTR);
        reader->next = 0;
        if (reader->count <= 0) return -1;
    }
    return (unsigned char)reader->buffer[reader->next++];
}

static int next_address(struct reader *reader, uintptr_t *address) {
    *address = 0;
    for (;;) {
        int c = next_character(reader);
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0) return c;
        *address = *address << 4 | (uintptr_t)digit;
    }
}

// The file mapped at an address, from /proc/self/maps: "start-end permissions offset device inode   /path".
static int find_mapped_file(uintptr_t address, char path[LONGEST_PATH]) {
    struct reader reader = {.descriptor = open("/proc/self/maps", O_RDONLY | O_CLOEXEC)};
    if (reader.descriptor < 0) return 0;
    int found = 0;
    size_t count = 0;
    for (int c = 0; c >= 0 && !found;) {
        uintptr_t start, end;
        if (next_address(&reader, &start) < 0 || next_address(&reader, &end) < 0) break;
        int here = start <= address && address < end, in_path = 0;
        for (c = next_character(&reader); c >= 0 && c != '\n'; c = next_character(&reader)) {
            in_path |= c == '/';
            if (here && in_path && count + 1 < LONGEST_PATH) path[count++] = (char)c;
        }
        found = here;
    }
    close(reader.descriptor);
    path[count] = 0;
    return count > 0;
}

#else

static int find_mapped_file(uintptr_t address, char path[LONGEST_PATH]) { return (void)address, (void)path, 0; }

#endif

static void explain(int number, siginfo_t *info, void *context) {
    (void)context;
    if (info->si_code != BUS_ADRERR && info->si_code != BUS_OBJERR) {
        // A fault of the program's own: let it end as it would have.
        signal(number, SIG_DFL);
        return;
    }
    char path[LONGEST_PATH];
    struct final_message line = {.count = 0};
    append_command(&line);
    append(&line, ": ");
    append(&line, find_mapped_file((uintptr_t)info->si_addr, path) ? path : "a file");
    append(&line, ": lost a part while it was read (cut off, or the disk failed); put it back whole, run again\n");
    end_in(&line);
}

void falcon_guard_mapped_pages(void) {
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_sigaction = explain;
    action.sa_flags = SA_SIGINFO;
    sigemptyset(&action.sa_mask);
    sigaction(SIGBUS, &action, NULL);
}

// The one line that a process says where it cannot go on, made without taking memory: safe within a signal's handler.
#pragma once
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define LONGEST_PATH 4096

struct final_message {
    char text[LONGEST_PATH + 512];
    size_t count;
};

static inline void append(struct final_message *line, const char *text) {
    for (; *text && line->count < sizeof line->text; text++) line->text[line->count++] = *text;
}

static inline void append_number(struct final_message *line, size_t number) {
    char digits[24];
    size_t first = sizeof digits - 1;
    digits[first] = 0;
    do digits[--first] = (char)('0' + number % 10);
    while (number /= 10);
    append(line, digits + first);
}

static inline void append_command(struct final_message *line) {
#if defined(__linux__)
    extern char *program_invocation_short_name;
    append(line, program_invocation_short_name);
#else
    append(line, getprogname());
#endif
}

// Writes the line and ends with status 1. Nothing is run on the way out: other threads are at work still.
_Noreturn static inline void end_in(const struct final_message *line) {
    // Where several threads come here at once, the first one speaks and ends all.
    static atomic_flag written = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set(&written)) pause();
    for (size_t start = 0; start < line->count;) {
        ssize_t written = write(STDERR_FILENO, line->text + start, line->count - start);
        if (written < 0 && errno != EINTR) break;
        if (written > 0) start += (size_t)written;
    }
    _exit(1);
}

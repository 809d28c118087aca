// What the commands do to their own process: signal handlers, the one line where they cannot go on, and starting
// again without OpenBLAS's threads under a limit on memory (blas_threads.c). Linked by the commands alone, never by a
// library.
#pragma once

#include <stddef.h>

// The commit that the program was built from, as the environment's FALCON_COMMIT named it to Package.swift; empty where
// it did not.
const char *_Nonnull falcon_commit(void);

// Starts the command again where OpenBLAS does not know the processor and took loops for an ancient one. Called once,
// before anything else; `arguments` are the process's own. Returns where there is nothing to gain.
void falcon_start_with_fitting_blas(char *_Nullable *_Nonnull arguments);

// Has the process end with one line that names the file, and status 1, where a mapped file lost pages that are read.
// Called once, at the start of a command.
void falcon_guard_mapped_pages(void);

// Has the process end with one line and status 1 where a signal ends it while hardly any memory is left: Swift's own
// allocations abort. Called once, at the start of a command.
void falcon_explain_memory_refusals(void);

// Ends the process with one line, and status 1, because the system refused so many bytes (0: an unknown number).
_Noreturn void falcon_end_without_memory(size_t bytes);

// Whether the process was started with a signal ignored, as nohup does with SIGHUP.
int falcon_signal_is_ignored(int number);

// Makes a pipe for the numbers of signals: `ends[0]` is read, `ends[1]` written. 0, or -1 with errno.
int falcon_open_signal_pipe(int *_Nonnull ends);

// From now on a signal does nothing but write its number, one byte, to the descriptor. 0, or -1.
int falcon_send_signal_to(int number, int descriptor);

// Gives a signal its default action back.
void falcon_stop_sending_signal(int number);

// Waits for the next of these signals on the pipe's read end and returns its number; 0 once the pipe is closed. The
// calling thread takes them even where they were blocked when the process started.
int falcon_next_signal(int descriptor, const int *_Nonnull numbers, int count);

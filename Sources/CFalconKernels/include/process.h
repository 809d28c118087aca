// What Swift does not see of signals and of memory that the system refuses.
#pragma once

#include <stddef.h>

// Has the process end with one line that names the file, and status 1, where a mapped file lost pages that are read.
// Called once, at the start of a command.
void falcon_explain_lost_pages(void);

// Has the process end with one line and status 1 where a signal ends it while hardly any memory is left: Swift's own
// allocations abort. Called once, at the start of a command.
void falcon_explain_lost_memory(void);

// Ends the process with one line, and status 1, because the system refused so many bytes (0: an unknown number).
_Noreturn void falcon_end_without_memory(size_t bytes);

// Whether so many bytes more could be had at this moment.
int falcon_memory_is_left(size_t bytes);

// Whether the process was started with a signal ignored, as nohup does with SIGHUP.
int falcon_signal_is_ignored(int number);

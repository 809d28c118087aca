// What Swift does not see of signals.
#pragma once

// Has the process end with one line that names the file, and status 1, where a mapped file lost pages that are read.
// Called once, at the start of a command.
void falcon_explain_lost_pages(void);

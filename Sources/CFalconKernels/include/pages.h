// What Swift cannot call of the system's memory.
#pragma once
#include <stddef.h>

// Moves whole pages to another address, over what is mapped there; nothing stays mapped where they were. Both ranges
// are private memory, the source mapped in one piece. Returns 0 where the system cannot: the source is as it was, and
// the target is zeros.
int falcon_move_pages(void *from, void *to, size_t bytes);

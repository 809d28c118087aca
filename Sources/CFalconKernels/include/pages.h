// What Swift cannot call of the system's memory.
#pragma once
#include <stddef.h>

// Moves whole pages to another address, over what is mapped there; nothing stays mapped where they were. Both ranges
// are private memory, the source mapped in one piece. Returns 1; 0 where the system cannot: the source is as it was,
// and the target is zeros; -1 where it cannot and what was mapped at the target is gone for good.
int falcon_move_pages(void *from, void *to, size_t bytes);

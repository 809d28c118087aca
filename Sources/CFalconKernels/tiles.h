// Whether this process may use the tile registers of Intel's AMX for bfloat16 (1) or not (0).
#pragma once

#if defined(__x86_64__)
int falcon_may_use_tiles(void);
#endif

#include "tiles.h"

#if defined(__x86_64__) && defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>

// Linux gives their 8 KiB a thread to a process that asks for them (Documentation/arch/x86/xstate.rst), for all its
// threads at once; where it does not, or the processor has none, the other kernels serve.
int falcon_may_use_tiles(void) {
    enum { REQUEST_PERMISSION = 0x1023, TILE_DATA = 18 };
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("amx-tile") || !__builtin_cpu_supports("amx-bf16")) return 0;
    return syscall(SYS_arch_prctl, REQUEST_PERMISSION, TILE_DATA) == 0;
}
#elif defined(__x86_64__)
int falcon_may_use_tiles(void) { return 0; }
#endif

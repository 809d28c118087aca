// A hint to the processor that this thread spins.
#pragma once

static inline void falcon_pause(void) {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("yield");
#endif
}

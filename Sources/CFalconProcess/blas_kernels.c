// OpenBLAS chooses its loops by the processor's model number. One that is newer than the library gets those of 2004:
// float32 products at a tenth of their pace. Its environment can name better ones, which it reads before main begins,
// so that the command starts again with that word in it.
#include "final_message.h"
#include "include/CFalconProcess.h"

#if defined(__linux__) && defined(__x86_64__)
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

void falcon_start_with_fitting_blas(char *_Nullable *_Nonnull arguments) {
    // Whoever names loops means them; and this process may be the one that was started again.
    if (getenv("OPENBLAS_CORETYPE")) return;
    union {
        void *address;
        char *(*call)(void);
    } core_name = {.address = dlsym(RTLD_DEFAULT, "openblas_get_corename")};
    if (!core_name.address || strcmp(core_name.call(), "Prescott")) return;
    __builtin_cpu_init();
    const int is_wide = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    const int is_fused = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (!is_wide && !is_fused) return;
    char path[LONGEST_PATH];
    ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
    if (length <= 0 || setenv("OPENBLAS_CORETYPE", is_wide ? "SKYLAKEX" : "HASWELL", 1)) return;
    path[length] = 0;
    // Where it fails, the slow loops serve.
    execve(path, arguments, environ);
}
#else
void falcon_start_with_fitting_blas(char *_Nullable *_Nonnull arguments) { (void)arguments; }
#endif

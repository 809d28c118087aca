// Checks the C kernels that every processor of this architecture runs, one line each; see Scripts/verify/check-neon.sh.
#include "check.h"

int failures = 0;

int main(void) {
    check_conversion();
    check_inference();
    check_products();
    check_training();
    check_recurrence();
    return failures != 0;
}

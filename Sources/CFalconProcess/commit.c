#include "include/CFalconProcess.h"

#ifndef FALCON_COMMIT
#define FALCON_COMMIT ""
#endif

const char *falcon_commit(void) { return FALCON_COMMIT; }

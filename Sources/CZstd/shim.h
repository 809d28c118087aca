#pragma once
#include <zstd.h>

// Macros with casts, which Swift cannot see.
static inline unsigned long long falcon_zstd_size_unknown(void) { return ZSTD_CONTENTSIZE_UNKNOWN; }
static inline unsigned long long falcon_zstd_size_error(void) { return ZSTD_CONTENTSIZE_ERROR; }

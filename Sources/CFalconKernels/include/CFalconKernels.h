// SIMD loops of Falcon. No allocation, no globals but the dispatch table, no threads: a caller cuts the work.
#pragma once

#include "conversion.h"
#include "dequantize.h"
#include "training_elementwise.h"
#include "inference.h"
#include "training_loops.h"
#include "product.h"
#include "pause.h"
#include "pages.h"

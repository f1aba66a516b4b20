/* SPDX-License-Identifier: Apache-2.0
 *
 * Tensor values against what an edge announced.
 */
#ifndef TRAM_BASE_TENSOR_H
#define TRAM_BASE_TENSOR_H

#include "tramline/tensor.h"

/* 0, or ERR_INVALID that says what came and what the edge is for. */
int tram__tensor_fits(const struct tram_tensor_hint *h, const struct tram_tensor *t, size_t part_bytes);
int tram__tensor_check(const struct tram_tensor_hint *h, const void *value, size_t size);
/* "f32 [3, 4]" or "f32 [at most 3, at most 4]" into `out`. */
void tram__tensor_describe(const struct tram_tensor_hint *h, char *out, size_t size);

#endif

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
/* Bytes of a value without its elements, at most. */
uint64_t tram__tensor_head_bytes(const struct tram_tensor_hint *h);
/* The same of a tensor that makes sense, exactly. */
uint64_t tram__tensor_head_size(const struct tram_tensor *t, size_t part_bytes);
/* As tram_tensor_lay and tram_tensor_view for a value whose elements lie elsewhere, on a device: t->data is NULL, t->where
 * ON_DEVICE. The second takes either kind. */
int tram__tensor_lay_head(void *buffer, size_t size, struct tram_tensor *t, size_t part_bytes, void **part);
int tram__tensor_view_any(const void *value, size_t size, struct tram_tensor *out, struct tram_bytes *part);

/* "f32 [3, 4]" or "f32 [at most 3, at most 4]" into `out`. */
void tram__tensor_describe(const struct tram_tensor_hint *h, char *out, size_t size);

#endif

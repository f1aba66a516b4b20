/* SPDX-License-Identifier: Apache-2.0
 *
 * The permutation distributions behind the rank tests. Each 0, or -1 when memory ran out.
 */
#ifndef TRAM_RESULTS_RANK_DISTRIBUTION_H
#define TRAM_RESULTS_RANK_DISTRIBUTION_H

#include <stddef.h>
#include <stdint.h>

/* Each of the n terms is in the sum or not, as a coin says: the chance of a sum of at most, and of at least, `sum`. */
int tram__signed_sum_tails(const uint32_t *terms, size_t n, uint32_t sum, double *at_most, double *at_least);

/* k of the n terms are drawn: the same for the sum of those. Time: k * n * the largest sum. */
int tram__subset_sum_tails(const uint32_t *terms, size_t n, size_t k, uint32_t sum, double *at_most,
                           double *at_least);

/* The largest c for which the sum of ranks 1 to n, each drawn or not, is below c with a chance of at most `tail`; the
 * same for U of samples of m and n. By normal approximation where the tests have one. */
int tram__signed_rank_cut(size_t n, double tail, size_t *c);
int tram__rank_sum_cut(size_t m, size_t n, double tail, size_t *c);

#endif

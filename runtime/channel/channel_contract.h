/* SPDX-License-Identifier: Apache-2.0
 *
 * What every channel backend must do, as one suite.
 */
#ifndef TRAM_CHANNEL_CHANNEL_CONTRACT_H
#define TRAM_CHANNEL_CHANNEL_CONTRACT_H

#include "channel/channel_rig.h"

/* Runs the suite under each waiting policy; returns how many tests failed. */
int tram__channel_contract(const struct tram__channel_ops *ops, enum tram__test_mode mode);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * The modes of peer_raw.
 */
#ifndef TRAM_PEERS_RAW_H
#define TRAM_PEERS_RAW_H

#include "peers/peer.h"

extern const struct tram_mode_ops peer_raw_pipe, peer_raw_unix, peer_raw_futex;

#endif

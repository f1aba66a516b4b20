/* SPDX-License-Identifier: Apache-2.0
 *
 * One datagram, with at most one descriptor, over a SOCK_SEQPACKET pair.
 */
#ifndef TRAM_BASE_DATAGRAM_H
#define TRAM_BASE_DATAGRAM_H

#include <sys/types.h>

/* `fd` is borrowed; -1: none. Returns what sendmsg returned. */
ssize_t tram__datagram_send(int socket, const void *data, size_t size, int fd);
/* Blocks. *fd becomes the caller's, -1 when none came. Returns what recvmsg returned. */
ssize_t tram__datagram_receive(int socket, void *data, size_t size, int *fd);

#endif

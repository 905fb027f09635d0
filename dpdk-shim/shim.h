/*
 * Doors to what DPDK offers only as inline functions, macros or large structures.
 *
 * Every function takes a whole burst or runs once at start; none decides anything. Differences
 * between DPDK releases end in shim.c. Layouts shared with Rust are asserted in shim.c and in
 * src/dpdk/ffi.rs.
 */
#ifndef RANSHIFT_SHIM_H
#define RANSHIFT_SHIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

/* How the bytes that a part takes from its source get into the new frame. */
enum shim_style {
	/* Copied behind the head into the one buffer of the head. */
	SHIM_COPY_SMALL = 0,
	/* Copied with the head into a full-sized buffer. */
	SHIM_COPY = 1,
	/* Shared: indirect segments chained behind the head's buffer. */
	SHIM_SHARE = 2,
};

/* One frame to build: a head, a range of a source frame, zero bytes. Or more of the one before it. */
struct shim_part {
	struct rte_mbuf *source;
	const uint8_t *head;
	/* Counted from the first byte that the source holds now. */
	uint32_t tail_start;
	uint32_t tail_len;
	uint16_t head_len;
	uint8_t pad;
	/* enum shim_style */
	uint8_t style;
	/* The range goes on behind the frame of the part before it; there is no head and no padding. */
	bool joins;
};

/* Where buffers come from. */
struct shim_pools {
	/* Full-sized buffers, the ones ports receive into. */
	struct rte_mempool *frames;
	/* Small buffers for heads and small frames. */
	struct rte_mempool *heads;
	/* Buffers without data room, to be attached to others. */
	struct rte_mempool *payloads;
};

/* What a driver says of its port. */
struct shim_port_facts {
	const char *driver;
	uint16_t max_mtu;
	uint16_t rx_descriptors;
	uint16_t tx_descriptors;
	/* It says that it sends frames of several segments. */
	bool multi_segs;
};

/* Receives at most `count` frames, and fetches ahead what is read of them first. */
uint16_t shim_rx_burst(uint16_t port, struct rte_mbuf **into, uint16_t count);

/* Sends at most `count` frames, in order; the first `return value` belong to the port now. */
uint16_t shim_tx_burst(uint16_t port, struct rte_mbuf **from, uint16_t count);

/* Gives a frame back to its pools, every segment. */
void shim_free(struct rte_mbuf *frame);

/* Builds one frame of each part that does not join another, in order; NULL where a buffer or room was missing.
 * Returns how many entries of `out` were written. */
uint32_t shim_build(const struct shim_pools *pools, const struct shim_part *parts, uint32_t count,
		    struct rte_mbuf **out);

/* Appends `bytes` zero bytes; false if the last segment has no room for them. */
bool shim_pad(struct rte_mbuf *frame, uint16_t bytes);

/* A copy of `frame` in one buffer of `pool`, NULL if none is free or large enough. */
struct rte_mbuf *shim_flatten(const struct rte_mbuf *frame, struct rte_mempool *pool);

/* Copies `len` bytes from `offset` on, over all segments; false if the frame is shorter. */
bool shim_read(const struct rte_mbuf *frame, uint32_t offset, uint32_t len, uint8_t *to);

/* A buffer with these bytes in it; NULL if none is free or large enough. */
struct rte_mbuf *shim_frame(struct rte_mempool *pool, const uint8_t *bytes, uint16_t len);

/* Buffers that are free in the pool itself, those kept by lcores not counted: cheap. */
uint32_t shim_pool_free(const struct rte_mempool *pool);

/* Leaves the core to its sibling for a moment. */
void shim_pause(void);

/* The cycle counter of this core. */
uint64_t shim_cycles(void);

/* Cycles in a second. */
uint64_t shim_cycles_hz(void);

/* The lcore that runs this, UINT32_MAX on a thread that EAL does not know. */
uint32_t shim_lcore(void);

/* errno of the last failed DPDK call on this lcore. */
int shim_errno(void);

/* A pool of `count` buffers with `room` bytes each, headroom included; 0 makes indirect buffers. */
struct rte_mempool *shim_pool(const char *name, uint32_t count, uint16_t room);

/* What the driver says of `port`, and the wanted descriptors as it allows them; 0 or a negative errno. */
int shim_port_facts(uint16_t port, struct shim_port_facts *facts);

/* Configures one queue each way; 0 or a negative errno. */
int shim_port_configure(uint16_t port, uint16_t mtu, bool multi_segs);

/* Sets up receive and transmit queue 0; 0 or a negative errno. */
int shim_port_queues(uint16_t port, struct rte_mempool *pool, uint16_t rx_descriptors,
		     uint16_t tx_descriptors);

/* Lets frames to this address in; 0 or a negative errno. */
int shim_port_admit(uint16_t port, const uint8_t address[6]);

/* What the driver says of the link now: up or not. */
bool shim_link_up(uint16_t port);

/* What the port has lost before it could be received: for want of time, of buffers, and by error.
 * False if the driver does not count. */
bool shim_port_losses(uint16_t port, uint64_t losses[3]);

/* Where the receive-timestamp field lies in a buffer and which flag announces it; false if no driver
 * registered it. */
bool shim_timestamp_field(uint32_t *offset, uint64_t *flag);

#endif

/* The doors of shim.h. */
#include "shim.h"

#include <string.h>

#include <rte_cycles.h>
#include <rte_lcore.h>
#include <rte_mbuf_dyn.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

_Static_assert(sizeof(struct shim_part) == 32, "shim_part: see src/dpdk/ffi.rs");
_Static_assert(offsetof(struct shim_part, tail_start) == 16, "shim_part: see src/dpdk/ffi.rs");
_Static_assert(offsetof(struct shim_part, head_len) == 24, "shim_part: see src/dpdk/ffi.rs");
_Static_assert(offsetof(struct shim_part, style) == 27, "shim_part: see src/dpdk/ffi.rs");
_Static_assert(sizeof(struct shim_pools) == 24, "shim_pools: see src/dpdk/ffi.rs");
_Static_assert(sizeof(struct rte_mbuf) == 128, "rte_mbuf: see src/dpdk/ffi.rs");

/* Parts whose buffers are taken from the pools at once. */
#define BATCH 64

/* Buffers kept by each lcore so that most of its turns do not touch the shared ring. */
#define POOL_CACHE 256

/* Buffers of one pool taken for a batch, and how many of them are used up. */
struct stock {
	struct rte_mempool *pool;
	struct rte_mbuf *buffers[BATCH];
	uint32_t taken;
	uint32_t used;
};

uint16_t
shim_rx_burst(uint16_t port, struct rte_mbuf **into, uint16_t count)
{
	uint16_t received = rte_eth_rx_burst(port, 0, into, count);

	/* The caller reads every frame's description and first bytes next; they may be in another
	 * core's cache or in memory. The data's place is that of a buffer nobody has moved: a hint. */
	for (uint16_t i = 0; i < received; i++) {
		rte_prefetch0(into[i]);
		rte_prefetch0((char *)(into[i] + 1) + RTE_PKTMBUF_HEADROOM);
	}
	return received;
}

uint16_t
shim_tx_burst(uint16_t port, struct rte_mbuf **from, uint16_t count)
{
	return rte_eth_tx_burst(port, 0, from, count);
}

void
shim_free(struct rte_mbuf *frame)
{
	rte_pktmbuf_free(frame);
}

/* Takes `count` buffers, or none: what is missing is then taken one by one. */
static void
stock_up(struct stock *stock, struct rte_mempool *pool, uint32_t count)
{
	stock->pool = pool;
	stock->used = 0;
	stock->taken = 0;
	if (count > 0 && rte_pktmbuf_alloc_bulk(pool, stock->buffers, count) == 0)
		stock->taken = count;
}

static inline struct rte_mbuf *
stock_take(struct stock *stock)
{
	if (likely(stock->used < stock->taken))
		return stock->buffers[stock->used++];
	return rte_pktmbuf_alloc(stock->pool);
}

static void
stock_return(struct stock *stock)
{
	if (stock->used < stock->taken)
		rte_pktmbuf_free_bulk(&stock->buffers[stock->used], stock->taken - stock->used);
}

/* The segment that holds byte `*offset` of the frame, and `*offset` within it. */
static inline struct rte_mbuf *
segment_at(struct rte_mbuf *segment, uint32_t *offset)
{
	while (segment != NULL && *offset >= segment->data_len) {
		*offset -= segment->data_len;
		segment = segment->next;
	}
	return segment;
}

static bool
copy_range(const struct rte_mbuf *frame, uint32_t offset, uint32_t len, uint8_t *to)
{
	const struct rte_mbuf *segment = segment_at((struct rte_mbuf *)(uintptr_t)frame, &offset);

	while (len > 0 && segment != NULL) {
		uint32_t chunk = RTE_MIN(len, (uint32_t)segment->data_len - offset);

		memcpy(to, rte_pktmbuf_mtod_offset(segment, const uint8_t *, offset), chunk);
		to += chunk;
		len -= chunk;
		offset = 0;
		segment = segment->next;
	}
	return len == 0;
}

/* Chains indirect segments for `part`'s range behind what `head` holds. */
static bool
share_range(struct rte_mbuf *head, const struct shim_part *part, struct stock *payloads)
{
	uint32_t offset = part->tail_start;
	uint32_t len = part->tail_len;
	struct rte_mbuf *last = rte_pktmbuf_lastseg(head);
	struct rte_mbuf *segment = segment_at(part->source, &offset);

	while (len > 0 && segment != NULL) {
		uint32_t chunk = RTE_MIN(len, (uint32_t)segment->data_len - offset);
		struct rte_mbuf *view = stock_take(payloads);

		if (unlikely(view == NULL))
			return false;
		rte_pktmbuf_attach(view, segment);
		view->data_off += offset;
		view->data_len = chunk;
		view->pkt_len = chunk;
		view->ol_flags &= RTE_MBUF_F_INDIRECT;
		last->next = view;
		last = view;
		head->nb_segs++;
		head->pkt_len += chunk;
		len -= chunk;
		offset = 0;
		segment = segment->next;
	}
	return len == 0;
}

static bool
fill(struct rte_mbuf *frame, const struct shim_part *part, struct stock *payloads)
{
	uint32_t copied = part->style == SHIM_SHARE ? 0 : part->tail_len;
	uint8_t *to;

	if (unlikely(part->head_len + copied > rte_pktmbuf_tailroom(frame)))
		return false;
	to = rte_pktmbuf_mtod(frame, uint8_t *);
	memcpy(to, part->head, part->head_len);
	frame->data_len = part->head_len + copied;
	frame->pkt_len = frame->data_len;
	if (part->style == SHIM_SHARE) {
		if (!share_range(frame, part, payloads))
			return false;
	} else if (!copy_range(part->source, part->tail_start, copied, to + part->head_len)) {
		return false;
	}
	return part->pad == 0 || shim_pad(frame, part->pad);
}

/* Lets `part` go on behind what `frame` holds. */
static bool
join(struct rte_mbuf *frame, const struct shim_part *part, struct stock *payloads)
{
	char *to;

	if (part->style == SHIM_SHARE)
		return share_range(frame, part, payloads);
	to = rte_pktmbuf_append(frame, part->tail_len);
	return to != NULL &&
	       copy_range(part->source, part->tail_start, part->tail_len, (uint8_t *)to);
}

/* `out` is where the next frame goes; the one before it may still be joined. */
static uint32_t
build_batch(const struct shim_pools *pools, const struct shim_part *parts, uint32_t count,
	    struct rte_mbuf **out)
{
	struct stock heads, frames, payloads;
	uint32_t large = 0, small = 0, shared = 0, built = 0;

	for (uint32_t i = 0; i < count; i++) {
		large += !parts[i].joins && parts[i].style == SHIM_COPY;
		small += !parts[i].joins && parts[i].style != SHIM_COPY;
		shared += parts[i].style == SHIM_SHARE;
	}
	stock_up(&heads, pools->heads, small);
	stock_up(&frames, pools->frames, large);
	stock_up(&payloads, pools->payloads, shared);
	for (uint32_t i = 0; i < count; i++) {
		struct rte_mbuf **frame = parts[i].joins ? out - 1 : out++;
		bool filled;

		if (parts[i].joins) {
			filled = *frame == NULL || join(*frame, &parts[i], &payloads);
		} else {
			*frame = stock_take(parts[i].style == SHIM_COPY ? &frames : &heads);
			filled = *frame == NULL || fill(*frame, &parts[i], &payloads);
			built++;
		}
		if (unlikely(!filled)) {
			rte_pktmbuf_free(*frame);
			*frame = NULL;
		}
	}
	stock_return(&heads);
	stock_return(&frames);
	stock_return(&payloads);
	return built;
}

uint32_t
shim_build(const struct shim_pools *pools, const struct shim_part *parts, uint32_t count,
	   struct rte_mbuf **out)
{
	uint32_t built = 0;

	for (uint32_t done = 0; done < count; done += BATCH)
		built += build_batch(pools, parts + done, RTE_MIN(count - done, (uint32_t)BATCH),
				     out + built);
	return built;
}

bool
shim_pad(struct rte_mbuf *frame, uint16_t bytes)
{
	char *end;

	/* Zeroes go into a buffer that nobody else sees, never into a shared one. */
	if (!RTE_MBUF_DIRECT(rte_pktmbuf_lastseg(frame)))
		return false;
	end = rte_pktmbuf_append(frame, bytes);
	if (end == NULL)
		return false;
	memset(end, 0, bytes);
	return true;
}

struct rte_mbuf *
shim_flatten(const struct rte_mbuf *frame, struct rte_mempool *pool)
{
	struct rte_mbuf *flat = rte_pktmbuf_alloc(pool);
	char *to;

	if (flat == NULL)
		return NULL;
	to = frame->pkt_len > UINT16_MAX ? NULL : rte_pktmbuf_append(flat, frame->pkt_len);
	if (to == NULL || !copy_range(frame, 0, frame->pkt_len, (uint8_t *)to)) {
		rte_pktmbuf_free(flat);
		return NULL;
	}
	return flat;
}

bool
shim_read(const struct rte_mbuf *frame, uint32_t offset, uint32_t len, uint8_t *to)
{
	return copy_range(frame, offset, len, to);
}

struct rte_mbuf *
shim_frame(struct rte_mempool *pool, const uint8_t *bytes, uint16_t len)
{
	struct rte_mbuf *frame = rte_pktmbuf_alloc(pool);
	char *to;

	if (frame == NULL)
		return NULL;
	to = rte_pktmbuf_append(frame, len);
	if (to == NULL) {
		rte_pktmbuf_free(frame);
		return NULL;
	}
	memcpy(to, bytes, len);
	return frame;
}

uint32_t
shim_pool_free(const struct rte_mempool *pool)
{
	return rte_mempool_get_ops(pool->ops_index)->get_count(pool);
}

void
shim_pause(void)
{
	rte_pause();
}

uint64_t
shim_cycles(void)
{
	return rte_rdtsc();
}

uint64_t
shim_cycles_hz(void)
{
	return rte_get_tsc_hz();
}

uint32_t
shim_lcore(void)
{
	return rte_lcore_id();
}

int
shim_errno(void)
{
	return rte_errno;
}

struct rte_mempool *
shim_pool(const char *name, uint32_t count, uint16_t room)
{
	return rte_pktmbuf_pool_create(name, count, POOL_CACHE, 0, room, rte_socket_id());
}

int
shim_port_facts(uint16_t port, struct shim_port_facts *facts)
{
	struct rte_eth_dev_info info;
	int error = rte_eth_dev_info_get(port, &info);

	if (error != 0)
		return error;
	facts->driver = info.driver_name;
	facts->max_mtu = info.max_mtu;
	facts->multi_segs = (info.tx_offload_capa & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0;
	return rte_eth_dev_adjust_nb_rx_tx_desc(port, &facts->rx_descriptors, &facts->tx_descriptors);
}

int
shim_port_configure(uint16_t port, uint16_t mtu, bool multi_segs)
{
	struct rte_eth_conf conf;

	memset(&conf, 0, sizeof(conf));
	conf.rxmode.mtu = mtu;
	if (multi_segs)
		conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	return rte_eth_dev_configure(port, 1, 1, &conf);
}

int
shim_port_queues(uint16_t port, struct rte_mempool *pool, uint16_t rx_descriptors,
		 uint16_t tx_descriptors)
{
	int socket = rte_eth_dev_socket_id(port);
	int error = rte_eth_rx_queue_setup(port, 0, rx_descriptors, socket, NULL, pool);

	if (error != 0)
		return error;
	return rte_eth_tx_queue_setup(port, 0, tx_descriptors, socket, NULL);
}

int
shim_port_admit(uint16_t port, const uint8_t address[6])
{
	struct rte_ether_addr to;

	memcpy(to.addr_bytes, address, sizeof(to.addr_bytes));
	return rte_eth_dev_mac_addr_add(port, &to, 0);
}

bool
shim_link_up(uint16_t port)
{
	struct rte_eth_link link;

	memset(&link, 0, sizeof(link));
	return rte_eth_link_get_nowait(port, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

bool
shim_port_losses(uint16_t port, uint64_t losses[3])
{
	struct rte_eth_stats stats;

	if (rte_eth_stats_get(port, &stats) != 0)
		return false;
	losses[0] = stats.imissed;
	losses[1] = stats.rx_nombuf;
	losses[2] = stats.ierrors;
	return true;
}

bool
shim_timestamp_field(uint32_t *offset, uint64_t *flag)
{
	int field = rte_mbuf_dynfield_lookup(RTE_MBUF_DYNFIELD_TIMESTAMP_NAME, NULL);
	int bit = rte_mbuf_dynflag_lookup(RTE_MBUF_DYNFLAG_RX_TIMESTAMP_NAME, NULL);

	if (field < 0 || bit < 0)
		return false;
	*offset = field;
	*flag = UINT64_C(1) << bit;
	return true;
}

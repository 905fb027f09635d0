/*
 * Traffic for `make bench`, loaded into dpdk-testpmd and into our program alike with EAL's -d option,
 * so that both meet the same frames, written by the same instructions.
 *
 * FEED_MODE=null: a receive callback writes a header into every frame that net_null port 0 hands out,
 * because net_null hands back buffers that the program has already rewritten. The callback runs on the
 * measured core and is part of both programs' figures; FEED_RESTORE=0 leaves it out, which is how its
 * cost is measured.
 *
 * FEED_MODE=ring: a thread on core FEED_CORE feeds port 0 and drains every port. The ports are net_ring
 * devices over rings made here, handed to the driver the way rte_eth_from_rings does
 * (`net_ring0,internal=ADDRESS`). Frames are fed in whole bursts and only while few are under way, so
 * that the measured program always sees full bursts and never a full ring.
 *
 * FEED_FRAMES names a file of 64-byte headers in the order in which they are to come. Sequence numbers
 * (at FEED_SEQUENCE) and radio time (at FEED_RADIO: frame, subframe and slot of 30 kHz) run on.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

/* Said on standard error when the traffic is ready. */
#define JOINED "feed: joined\n"

#define HEADER 64
#define BURST 32
#define PORTS 4
#define RING_SLOTS 2048
#define MOST_UNDER_WAY 1024
#define BUFFERS 4095
#define SLOTS_A_SECOND 2000

/* Where the arguments of the ring ports lie in every process: named in device strings. */
#define RING_ARGUMENTS ((void *)0x0d00d0000000)
#define RING_ARGUMENT_STRIDE 256

/* As drivers/net/ring/rte_eth_ring.c reads `internal=`. */
struct ring_arguments {
	struct rte_ring *const *rx_queues;
	unsigned int rx_count;
	struct rte_ring *const *tx_queues;
	unsigned int tx_count;
	unsigned int numa_node;
	void *self;
};

struct header {
	uint8_t bytes[HEADER];
};

struct feed {
	struct header *headers;
	size_t count;
	size_t next;
	size_t sequence_at;
	size_t radio_at;
	size_t size;
	uint64_t started;
};

static struct feed feed;
static struct rte_ring *rx_rings[PORTS];
static struct rte_ring *tx_rings[PORTS];

static size_t
number(const char *name, size_t otherwise)
{
	const char *text = getenv(name);

	return text == NULL ? otherwise : strtoull(text, NULL, 0);
}

static void
give_up(const char *what)
{
	perror(what);
	exit(3);
}

/* Frame, subframe and slot at 30 kHz, as the radio header carries them. */
static inline void
radio_time(uint8_t *frame, uint8_t *first, uint8_t *second)
{
	uint64_t cycles_a_slot = rte_get_tsc_hz() / SLOTS_A_SECOND;
	uint64_t slot = (rte_rdtsc() - feed.started) / cycles_a_slot;
	uint8_t subframe = slot / 2 % 10, in_subframe = slot % 2;

	*frame = slot / 20;
	*first = subframe << 4 | in_subframe >> 2;
	*second = in_subframe << 6;
}

/* Writes the next headers into `frames`. */
static inline void
write_headers(struct rte_mbuf **frames, uint16_t count)
{
	uint8_t frame, first, second;

	radio_time(&frame, &first, &second);
	for (uint16_t i = 0; i < count; i++) {
		struct header *header = &feed.headers[feed.next];
		uint8_t *radio = header->bytes + feed.radio_at;

		header->bytes[feed.sequence_at]++;
		radio[1] = frame;
		radio[2] = first;
		radio[3] = second | (radio[3] & 0x3f);
		memcpy(rte_pktmbuf_mtod(frames[i], void *), header->bytes, HEADER);
		if (++feed.next == feed.count)
			feed.next = 0;
	}
}

static uint16_t
restore(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count, uint16_t most,
	void *argument)
{
	RTE_SET_USED(port);
	RTE_SET_USED(queue);
	RTE_SET_USED(most);
	RTE_SET_USED(argument);
	write_headers(frames, count);
	return count;
}

/* Until `port` is started its entry points at a function that receives nothing. */
static void
wait_for_start(uint16_t port, void *unstarted)
{
	while (*(void *volatile *)&rte_eth_fp_ops[port].rxq.data == NULL ||
	       *(void *volatile *)&rte_eth_fp_ops[port].rx_pkt_burst == unstarted)
		usleep(1000);
	usleep(1000);
}

static void
drain(uint16_t port, uint64_t *drained)
{
	struct rte_mbuf *frames[BURST];
	unsigned int count;

	while ((count = rte_ring_dequeue_burst(tx_rings[port], (void **)frames, BURST, NULL)) > 0) {
		rte_pktmbuf_free_bulk(frames, count);
		*drained += count;
	}
}

static void
generate(void)
{
	struct rte_mempool *pool = rte_pktmbuf_pool_create(
		"feed", BUFFERS, 256, 0, RTE_PKTMBUF_HEADROOM + RTE_MAX(feed.size, 2048u), 0);
	struct rte_mbuf *frames[BURST];
	uint64_t fed = 0, drained[PORTS] = {0};

	if (pool == NULL || rte_thread_register() != 0)
		give_up("feed: pool or thread");
	fputs(JOINED, stderr);
	for (;;) {
		for (uint16_t port = 0; port < PORTS; port++)
			drain(port, &drained[port]);
		/* Port 1 sends every frame that port 0 was fed, whatever the others copy. */
		if (fed - drained[1] >= MOST_UNDER_WAY ||
		    rte_pktmbuf_alloc_bulk(pool, frames, BURST) != 0) {
			rte_pause();
			continue;
		}
		for (int i = 0; i < BURST; i++)
			frames[i]->data_len = frames[i]->pkt_len = feed.size;
		write_headers(frames, BURST);
		while (rte_ring_enqueue_bulk(rx_rings[0], (void **)frames, BURST, NULL) == 0)
			rte_pause();
		fed += BURST;
	}
}

static void *
run(void *unstarted)
{
	cpu_set_t core;

	CPU_ZERO(&core);
	CPU_SET(number("FEED_CORE", 0), &core);
	pthread_setaffinity_np(pthread_self(), sizeof(core), &core);
	wait_for_start(0, unstarted);
	feed.started = rte_rdtsc();
	if (strcmp(getenv("FEED_MODE"), "ring") == 0)
		generate();
	if (number("FEED_RESTORE", 1) && rte_eth_add_rx_callback(0, 0, restore, NULL) == NULL)
		give_up("feed: receive callback");
	fputs(JOINED, stderr);
	return NULL;
}

static struct rte_ring *
new_ring(const char *name, int number)
{
	ssize_t size = rte_ring_get_memsize(RING_SLOTS);
	struct rte_ring *ring = aligned_alloc(4096, RTE_ALIGN_CEIL(size, 4096));
	char full[RTE_RING_NAMESIZE];

	snprintf(full, sizeof(full), "feed_%s%d", name, number);
	if (ring == NULL || rte_ring_init(ring, full, RING_SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
		give_up("feed: ring");
	return ring;
}

static void
make_rings(void)
{
	char *page = mmap(RING_ARGUMENTS, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page == MAP_FAILED)
		give_up("feed: address of the ring arguments");
	for (int port = 0; port < PORTS; port++) {
		struct ring_arguments *arguments = (void *)(page + port * RING_ARGUMENT_STRIDE);

		rx_rings[port] = new_ring("rx", port);
		tx_rings[port] = new_ring("tx", port);
		*arguments = (struct ring_arguments){
			.rx_queues = &rx_rings[port],
			.rx_count = 1,
			.tx_queues = &tx_rings[port],
			.tx_count = 1,
			.self = arguments,
		};
	}
}

static void
read_headers(const char *path)
{
	int file = open(path, O_RDONLY);
	struct stat stat;

	if (file < 0 || fstat(file, &stat) != 0)
		give_up(path);
	feed.count = stat.st_size / HEADER;
	feed.headers = aligned_alloc(HEADER, feed.count * HEADER);
	if (feed.count == 0 || read(file, feed.headers, stat.st_size) != stat.st_size)
		give_up(path);
	close(file);
}

RTE_INIT(feed_start)
{
	const char *path = getenv("FEED_FRAMES");
	pthread_t thread;

	if (path == NULL)
		return;
	read_headers(path);
	feed.size = number("FEED_SIZE", HEADER);
	feed.sequence_at = number("FEED_SEQUENCE", 24);
	feed.radio_at = number("FEED_RADIO", 26);
	make_rings();
	if (pthread_create(&thread, NULL, run, (void *)rte_eth_fp_ops[0].rx_pkt_burst) != 0)
		give_up("feed: thread");
	pthread_detach(thread);
}

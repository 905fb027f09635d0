/*
 * The load of the soak, loaded into ranshift and into dpdk-testpmd alike with EAL's -d option: a thread on
 * core LOAD_CORE that is 14 RUs and 14 DUs at once, over net_ring devices whose rings it owns.
 *
 * Each cell has 8 eAxC in each direction at 30 kHz and the TDD pattern DDDDDDSUUU. Frames have 64 bytes and
 * are spread evenly over their slot: the active DUs' C- and U-plane enters port 1, the RUs' U-plane port 0,
 * and the standby DUs behind port 2 only listen. The thread waits when a ring is full or too much is under
 * way, and leaves out the slots that it was late for by then, so that nothing is lost for want of speed.
 *
 * Each frame carries the cycle counter's value in its last bytes but eight, which nobody rewrites; what comes
 * back at ports 0 and 1 gives the time between. Sequence numbers of each sender and stream run on and are
 * checked behind the box. All figures are in a file that the test maps too: LOAD_FIGURES.
 *
 * LOAD_STREAMS says how many of the 8 eAxC are used. With LOAD_POLLED there is no such thread: the poll loop of
 * the box does its work in a callback of port 0, so that nothing on another core can hold the load up. Frames are
 * then stamped with the time when they were due, and what kept the loop from them is in their latency.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#define CELLS 14
#define STREAMS 8
#define SIZE 64
#define BURST 32
#define PORTS 3
#define RU_SIDE 0
#define DU_SIDE 1
#define RING_SLOTS 4096
#define MOST_UNDER_WAY 1024
#define BUFFERS 8191
#define SLOTS_A_SECOND 2000
#define SYMBOLS 14
#define PERIOD 10
#define BUCKETS 1024
#define MOST_BEHIND 40

/* Offsets in a frame. */
#define TYPE 19
#define EAXC 22
#define SEQUENCE 24
#define RADIO 26
#define STAMP 48

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

/* Read by tests/soak/figures.rs in this order; all but `stop` have one writer, the thread below. */
struct figures {
	uint64_t stop;
	uint64_t stopped;
	uint64_t hertz;
	uint64_t slots;
	uint64_t left_out;
	uint64_t cut_short;
	uint64_t waits;
	uint64_t fed[PORTS];
	uint64_t drained[PORTS];
	uint64_t gaps;
	uint64_t buffers;
	uint64_t latency[BUCKETS];
};

/* One frame of a slot: its bytes, its port, and the counter that numbers it. */
struct frame {
	uint8_t bytes[SIZE];
	uint8_t *sequence;
	uint16_t port;
};

/* All frames of one position of the pattern, in order of sending. */
struct slot {
	struct frame *frames;
	size_t count;
};

static volatile struct figures *figures;
static struct slot slots[PERIOD];
static struct rte_ring *rx_rings[PORTS];
static struct rte_ring *tx_rings[PORTS];
static struct rte_mempool *pool;
static bool polled;

/* Where the load is: the slot under way and how much of it was sent; slots last so many cycles. */
static struct {
	uint64_t started, lasts, number;
	size_t sent;
	bool waits;
} course;

/* What is numbered apart: U-plane, downlink C-plane, uplink C-plane. */
enum kind { USER, DOWNLINK_CONTROL, UPLINK_CONTROL, KINDS };

/* By sender, cell, eAxC and kind: the number sent next; and behind the box the one expected next, plus 1. */
static uint8_t numbers[PORTS][CELLS][STREAMS][KINDS];
static int expected[PORTS][CELLS][2 * STREAMS][KINDS];

static void
give_up(const char *what)
{
	perror(what);
	exit(3);
}

static void
put16(uint8_t *at, uint16_t value)
{
	at[0] = value >> 8;
	at[1] = value;
}

/* Ethernet, tag and eCPRI; the active DU's eAxC ids lie 16 above the RU's. */
static struct frame *
begin(struct slot *slot, uint16_t port, int cell, int stream, enum kind kind, uint16_t payload)
{
	struct frame *frame = &slot->frames[slot->count++];
	const uint8_t ru[6] = {2, 0xa0, 0, 0, 0, cell}, du[6] = {2, 0xd0, 0, 0, 0, cell};
	int from_du = port == DU_SIDE;

	memset(frame, 0, sizeof(*frame));
	frame->port = port;
	frame->sequence = &numbers[port][cell][stream][kind];
	memcpy(frame->bytes, from_du ? ru : du, 6);
	memcpy(frame->bytes + 6, from_du ? du : ru, 6);
	memcpy(frame->bytes + 12, (const uint8_t[]){0x81, 0, 0xe0, from_du ? 200 : 100, 0xae, 0xfe, 0x10}, 7);
	frame->bytes[TYPE] = kind == USER ? 0 : 2;
	put16(frame->bytes + 20, payload);
	put16(frame->bytes + EAXC, stream + (from_du ? 16 : 0));
	frame->bytes[SEQUENCE + 1] = 0x80;
	return frame;
}

/* Section 0, one PRB, BFP with 9 bits. */
static void
user(struct slot *slot, uint16_t port, int cell, int stream, uint8_t symbol)
{
	struct frame *frame = begin(slot, port, cell, stream, USER, SIZE - 22);

	frame->bytes[RADIO] = port == DU_SIDE ? 0x90 : 0x10;
	frame->bytes[RADIO + 3] = symbol;
	memcpy(frame->bytes + RADIO + 4, (const uint8_t[]){0, 0, 0, 1, 0x91, 0}, 6);
}

/* Section type 1, one section over PRB 0 and so many symbols. */
static void
control(struct slot *slot, int cell, int stream, enum kind kind, uint8_t first, uint8_t count)
{
	struct frame *frame = begin(slot, DU_SIDE, cell, stream, kind, 4 + 8 + 8);

	frame->bytes[RADIO] = kind == DOWNLINK_CONTROL ? 0x90 : 0x10;
	frame->bytes[RADIO + 3] = first;
	memcpy(frame->bytes + RADIO + 4,
	       (const uint8_t[]){1, 1, 0x91, 0, 0, 0, 0, 1, 0xff, 0xf0 | count, 0, 0}, 12);
}

/* One position of the pattern: downlink in the symbols below `down`, uplink from `up` on. */
static void
make_slot(struct slot *slot, int streams, uint8_t down, uint8_t up)
{
	slot->frames = calloc(CELLS * STREAMS * (SYMBOLS + 2), sizeof(struct frame));
	if (slot->frames == NULL)
		give_up("load: frames");
	for (int cell = 0; cell < CELLS; cell++)
		for (int stream = 0; stream < streams; stream++) {
			if (down > 0)
				control(slot, cell, stream, DOWNLINK_CONTROL, 0, down);
			if (up < SYMBOLS)
				control(slot, cell, stream, UPLINK_CONTROL, up, SYMBOLS - up);
		}
	for (uint8_t symbol = 0; symbol < SYMBOLS; symbol++)
		for (int cell = 0; cell < CELLS; cell++)
			for (int stream = 0; stream < streams; stream++) {
				if (symbol < down)
					user(slot, DU_SIDE, cell, stream, symbol);
				else if (symbol >= up)
					user(slot, RU_SIDE, cell, stream, symbol);
			}
}

/* Values below 16 exactly, then 16 steps for each doubling. */
static size_t
bucket(uint64_t cycles)
{
	int doublings;

	if (cycles < 16)
		return cycles;
	doublings = 59 - __builtin_clzll(cycles);
	return RTE_MIN((size_t)(doublings * 16 + (cycles >> doublings)), (size_t)(BUCKETS - 1));
}

/* Whether the number that a stream shows behind the box is the one after the last. */
static void
check_sequence(uint16_t port, const uint8_t *bytes)
{
	const uint8_t *cell = port == RU_SIDE ? bytes + 5 : bytes + 11;
	uint16_t eaxc = bytes[EAXC] << 8 | bytes[EAXC + 1];
	enum kind kind = USER;
	int *next;

	if (*cell >= CELLS) {
		figures->gaps++;
		return;
	}
	if (bytes[TYPE] == 2)
		kind = bytes[RADIO] & 0x80 ? DOWNLINK_CONTROL : UPLINK_CONTROL;
	next = &expected[port][*cell][eaxc % (2 * STREAMS)][kind];
	if (*next != 0 && *next != bytes[SEQUENCE] + 1)
		figures->gaps++;
	*next = (bytes[SEQUENCE] + 1) % 256 + 1;
}

static void
drain(uint16_t port)
{
	struct rte_mbuf *frames[BURST];
	unsigned int count;

	while ((count = rte_ring_dequeue_burst(tx_rings[port], (void **)frames, BURST, NULL)) > 0) {
		uint64_t now = rte_rdtsc();

		for (unsigned int i = 0; i < count; i++) {
			uint8_t head[SIZE];
			const uint8_t *bytes = rte_pktmbuf_read(frames[i], 0, SIZE, head);
			uint64_t stamp;

			if (bytes == NULL) {
				figures->gaps++;
				continue;
			}
			memcpy(&stamp, bytes + STAMP, sizeof(stamp));
			if (port != PORTS - 1)
				figures->latency[bucket(now > stamp ? now - stamp : 0)]++;
			check_sequence(port, bytes);
		}
		rte_pktmbuf_free_bulk(frames, count);
		figures->drained[port] += count;
	}
}

static void
drain_all(void)
{
	for (uint16_t port = 0; port < PORTS; port++)
		drain(port);
}

/* What the box has taken and not yet given back at the first port that it owes it to. */
static uint64_t
under_way(void)
{
	return figures->fed[DU_SIDE] - figures->drained[RU_SIDE] + figures->fed[RU_SIDE] - figures->drained[DU_SIDE];
}

/* Offers up to BURST frames that belong to one port, the first of them due then and each next one `apart` later.
 * Returns how many: none while there is no room. */
static size_t
offer(const struct frame *frames, size_t most, uint64_t due, uint64_t apart)
{
	struct rte_mbuf *burst[BURST];
	uint64_t slot = course.number;
	uint8_t frame = slot / 20, first = slot / 2 % 10 << 4, second = slot % 2 << 6;
	uint16_t port = frames[0].port;
	size_t count = 0;

	while (count < RTE_MIN(most, (size_t)BURST) && frames[count].port == port)
		count++;
	if (under_way() >= MOST_UNDER_WAY || rte_pktmbuf_alloc_bulk(pool, burst, count) != 0) {
		figures->waits += !course.waits;
		course.waits = true;
		return 0;
	}
	course.waits = false;
	for (size_t i = 0; i < count; i++) {
		uint8_t *bytes = rte_pktmbuf_mtod(burst[i], uint8_t *);
		uint64_t stamp = polled ? due + i * apart : rte_rdtsc();

		burst[i]->data_len = burst[i]->pkt_len = SIZE;
		memcpy(bytes, frames[i].bytes, SIZE);
		memcpy(bytes + STAMP, &stamp, sizeof(stamp));
		bytes[SEQUENCE] = (*frames[i].sequence)++;
		bytes[RADIO + 1] = frame;
		bytes[RADIO + 2] = first;
		bytes[RADIO + 3] |= second;
	}
	/* Never full: it has room for more than may be under way. */
	while (rte_ring_enqueue_bulk(rx_rings[port], (void **)burst, count, NULL) == 0)
		drain_all();
	figures->fed[port] += count;
	return count;
}

/* Sends what is due of a slot, spread over its time; no more of it when it is 40 slots late. */
static void
advance(void)
{
	const struct slot *slot = &slots[course.number % PERIOD];
	uint64_t now = rte_rdtsc(), current = (now - course.started) / course.lasts, begins, passed;

	if (current < course.number)
		return;
	/* One slot behind is caught up with. */
	if (course.sent == 0 && current > course.number + 1) {
		figures->left_out += current - course.number;
		course.number = current;
		slot = &slots[course.number % PERIOD];
	}
	begins = course.started + course.number * course.lasts;
	passed = now - begins;
	if (passed > MOST_BEHIND * course.lasts) {
		figures->cut_short++;
		course.sent = slot->count;
	}
	if (course.sent < slot->count) {
		uint64_t apart = course.lasts / slot->count;
		size_t due = RTE_MIN(passed / apart + 1, slot->count);

		if (due > course.sent)
			course.sent += offer(slot->frames + course.sent, due - course.sent,
					     begins + course.sent * apart, apart);
	}
	if (course.sent < slot->count)
		return;
	figures->slots++;
	figures->buffers = rte_mempool_in_use_count(pool);
	course.number++;
	course.sent = 0;
}

/* Takes back what is under way, for as long as anything still comes. */
static void
settle(void)
{
	static uint64_t since;
	static unsigned int left;
	unsigned int now = rte_mempool_in_use_count(pool);

	if (since == 0 || now != left)
		since = rte_rdtsc();
	left = now;
	if (rte_rdtsc() - since < rte_get_tsc_hz() / 5)
		return;
	figures->buffers = left;
	figures->stopped = 1;
}

static void
turn(void)
{
	if (figures->stopped)
		return;
	drain_all();
	if (figures->stop)
		settle();
	else
		advance();
}

/* Called by whoever polls port 0, whether it found anything or not. */
static uint16_t
polls(uint16_t port, uint16_t queue, struct rte_mbuf **frames, uint16_t count, uint16_t most, void *unused)
{
	(void)port, (void)queue, (void)frames, (void)most, (void)unused;
	turn();
	return count;
}

/* Until `port` is started its entry points at a function that receives nothing. */
static void
wait_for_start(uint16_t port, void *unstarted)
{
	while (*(void *volatile *)&rte_eth_fp_ops[port].rxq.data == NULL ||
	       *(void *volatile *)&rte_eth_fp_ops[port].rx_pkt_burst == unstarted)
		usleep(1000);
	usleep(100000);
}

static void *
run(void *unstarted)
{
	const char *core_name = getenv("LOAD_CORE");
	cpu_set_t core;

	CPU_ZERO(&core);
	CPU_SET(core_name == NULL ? 0 : atoi(core_name), &core);
	pthread_setaffinity_np(pthread_self(), sizeof(core), &core);
	wait_for_start(DU_SIDE, unstarted);
	pool = rte_pktmbuf_pool_create("load", BUFFERS, 0, 0, RTE_PKTMBUF_HEADROOM + 2048, 0);
	if (pool == NULL || rte_thread_register() != 0)
		give_up("load: pool or thread");
	figures->hertz = rte_get_tsc_hz();
	course.lasts = figures->hertz / SLOTS_A_SECOND;
	course.started = rte_rdtsc();
	if (polled && rte_eth_add_rx_callback(RU_SIDE, 0, polls, NULL) == NULL)
		give_up("load: callback");
	while (!polled && !figures->stopped)
		turn();
	return NULL;
}

static struct rte_ring *
new_ring(const char *name, int number)
{
	ssize_t size = rte_ring_get_memsize(RING_SLOTS);
	struct rte_ring *ring = aligned_alloc(4096, RTE_ALIGN_CEIL(size, 4096));
	char full[RTE_RING_NAMESIZE];

	snprintf(full, sizeof(full), "load_%s%d", name, number);
	if (ring == NULL || rte_ring_init(ring, full, RING_SLOTS, RING_F_SP_ENQ | RING_F_SC_DEQ) != 0)
		give_up("load: ring");
	return ring;
}

static void
make_rings(void)
{
	char *page = mmap(RING_ARGUMENTS, 4096, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	if (page == MAP_FAILED)
		give_up("load: address of the ring arguments");
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
map_figures(const char *path)
{
	int file = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	if (file < 0 || ftruncate(file, sizeof(*figures)) != 0)
		give_up(path);
	figures = mmap(NULL, sizeof(*figures), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	if (figures == MAP_FAILED)
		give_up(path);
	close(file);
}

RTE_INIT(load_start)
{
	const char *path = getenv("LOAD_FIGURES"), *most = getenv("LOAD_STREAMS");
	int streams = most == NULL ? STREAMS : RTE_MIN(atoi(most), STREAMS);
	pthread_t thread;

	if (path == NULL)
		return;
	polled = getenv("LOAD_POLLED") != NULL;
	map_figures(path);
	for (int position = 0; position < 6; position++)
		make_slot(&slots[position], streams, SYMBOLS, SYMBOLS);
	make_slot(&slots[6], streams, 6, 10);
	for (int position = 7; position < PERIOD; position++)
		make_slot(&slots[position], streams, 0, 0);
	make_rings();
	if (pthread_create(&thread, NULL, run, (void *)rte_eth_fp_ops[0].rx_pkt_burst) != 0)
		give_up("load: thread");
	pthread_detach(thread);
}

// SPDX-License-Identifier: MIT
/*
 * event_cost DIRECTORY RUNS EVENTS: what one event costs who records it: by the agent's stream into DIRECTORY, by an
 * LTTng-UST tracepoint (a session that records it is somebody else's business), and by a call that does nothing.
 * The payload is the same: two integers and bytes with their length, 24 and 150 bytes in all. The three take turns. Each
 * line: payload, who, "run" or "1000", and for each run the ns of one event: the mean of the run, with all that happens
 * in it (a new chunk, a full buffer), and the median of its thousands.
 */
#include "../../hsa-tools/stream/stream.h"
#include "lttng-tp.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_RUNS = 100, MAX_THOUSANDS = 10000, NUM_SIZES = 2 };

static const uint16_t payloads[NUM_SIZES] = {24, 150};
static uint8_t bytes[256];
static struct stream stream;

static void to_stream(uint64_t index, uint16_t len)
{
	struct ev_packet e = {.queue_id = 7, .index = index};
	ev_u8 *at = stream__reserve(&stream, EV_packet, sizeof(e) + sizeof(len) + len, 1, 0);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	stream__put_bytes(at + sizeof(e), bytes, len);
	stream__commit(&stream);
}

static void to_lttng(uint64_t index, uint16_t len)
{
	lttng_ust_tracepoint(rdna1_bench, packet, 7, index, bytes, len);
}

static void to_nobody(uint64_t index, uint16_t len)
{
	__asm__ volatile("" : : "r"(index), "r"(len));
}

static const struct {
	const char *name;
	void (*record)(uint64_t index, uint16_t len);
} recorders[] = {{"stream", to_stream}, {"lttng", to_lttng}, {"nothing", to_nobody}};
enum { NUM_RECORDERS = sizeof(recorders) / sizeof(*recorders) };

static int by_value(const void *a, const void *b)
{
	return (*(const double *)a > *(const double *)b) - (*(const double *)a < *(const double *)b);
}

struct figure {
	double mean, median; /* ns of one event */
};

static struct figure one_run(void (*volatile record)(uint64_t, uint16_t), uint16_t payload, int thousands)
{
	static double each[MAX_THOUSANDS];
	const uint16_t len = (uint16_t)(payload - sizeof(struct ev_packet) - sizeof(uint16_t));
	struct figure f = {0};

	for (int t = 0; t < thousands; t++) {
		ev_u64 begin = stream__now();

		for (int i = 0; i < 1000; i++)
			record((uint64_t)i, len);
		each[t] = (double)(stream__now() - begin) / 1000;
		f.mean += each[t] / thousands;
	}
	usleep(200000); /* LTTng's consumer empties its buffers */
	qsort(each, (size_t)thousands, sizeof(*each), by_value);
	f.median = each[thousands / 2];
	return f;
}

static int open_stream(struct stream_proc *proc, const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), err;
	struct stream_meta meta;

	if (fd < 0)
		return -1;
	stream_meta__init(&meta);
	err = stream_dir__create(fd, &meta);
	if (!err)
		err = stream_proc__open(proc, fd, SOURCE_agent, "agent");
	stream__open(&stream, proc, "1", 0, 0);
	return err;
}

static void print(const struct figure *runs, int num, const char *who, uint16_t payload)
{
	for (int k = 0; k < 2; k++) {
		printf("%u %s %s", payload, who, k ? "1000" : "run");
		for (int i = 0; i < num; i++)
			printf(" %.2f", k ? runs[i].median : runs[i].mean);
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	static struct figure ns[NUM_SIZES][NUM_RECORDERS][MAX_RUNS];
	int runs = argc == 4 ? atoi(argv[2]) : 0, thousands = argc == 4 ? atoi(argv[3]) / 1000 : 0;
	struct stream_proc proc;

	if (runs < 1 || runs > MAX_RUNS || thousands < 1 || thousands > MAX_THOUSANDS || open_stream(&proc, argv[1])) {
		fprintf(stderr, "usage: event_cost DIRECTORY RUNS EVENTS\n");
		return 2;
	}
	for (int run = 0; run < runs; run++)
		for (int size = 0; size < NUM_SIZES; size++)
			for (int r = 0; r < NUM_RECORDERS; r++)
				ns[size][r][run] = one_run(recorders[r].record, payloads[size], thousands);
	for (int size = 0; size < NUM_SIZES; size++)
		for (int r = 0; r < NUM_RECORDERS; r++)
			print(ns[size][r], runs, recorders[r].name, payloads[size]);
	stream__close(&stream);
	stream_proc__close(&proc);
	return 0;
}

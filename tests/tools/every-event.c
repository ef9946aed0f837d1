// SPDX-License-Identifier: MIT
/*
 * every-event DIR [ROUNDS]: a trace that holds every event of the table, ROUNDS times (10), with
 * edge values in every field, spread over streams and small chunks. New table rows are covered
 * without a change here.
 */
#include "../../hsa-tools/stream/stream.h"
#include "../../usr/trace/fields.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t state = 88172645463325252ull;

static uint64_t rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static uint64_t edge(unsigned int round)
{
	switch (round) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return 1;
	case 3:
		return 0x8000000080008080ull;
	case 4:
		return 0x7fffffff7fff7f7full;
	default:
		return rnd();
	}
}

static uint8_t *put_bytes(uint8_t *at, const struct field_desc *f, unsigned int round)
{
	static const char *const texts[] = {
		"", "k", "_Z6conv2dPKfS0_Pf", "a \"quoted\" \\ name", ("gr\xc3\xb6\xc3\x9f" "er, two words"),
		"tab\there", "(x, y) = {1}; [2]"};
	uint8_t data[300];
	size_t n = round < 8 ? (size_t[]){0, 1, 8, 64, 16, 299, 4, 32}[round] : rnd() % sizeof(data);

	if (f->kind == FIELD_TEXT) {
		const char *t = texts[round % ARRAY_SIZE(texts)];

		return stream__put_text(at, t, strlen(t));
	}
	for (size_t i = 0; i < n; i++)
		data[i] = (uint8_t)rnd();
	return stream__put_bytes(at, data, (ev_u16)n);
}

static void put_event(struct stream *s, const struct event_desc *d, unsigned int round, ev_u64 ts)
{
	uint8_t payload[4096], *at = payload;

	for (unsigned int i = 0; i < d->num_fields; i++) {
		const struct field_desc *f = &d->fields[i];
		uint64_t v = edge(round);

		if (f->kind == FIELD_INT) {
			memcpy(at, &v, f->size);
			at += f->size;
		} else {
			at = put_bytes(at, f, round);
		}
	}
	if (!stream__write(s, d->id, payload, (size_t)(at - payload), (ev_u32)rnd(), ts)) {
		fprintf(stderr, "every-event: %s was not written\n", d->name);
		exit(1);
	}
}

int main(int argc, char **argv)
{
	unsigned int rounds = argc > 2 ? (unsigned int)atoi(argv[2]) : 10;
	static struct stream streams[4];
	static struct stream_proc procs[2];
	struct stream_meta meta;
	ev_u64 ts = 1000;
	int fd;

	if (argc < 2 || mkdir(argv[1], 0755)) {
		fprintf(stderr, "usage: every-event NEW_DIR [ROUNDS]\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_DIRECTORY);
	stream_meta__init(&meta);
	if (stream_dir__create(fd, &meta) ||
	    stream_proc__open(&procs[0], fd, SOURCE_agent, "agent") ||
	    stream_proc__open(&procs[1], fd, SOURCE_recorder, "kernel"))
		return 1;
	for (unsigned int i = 0; i < ARRAY_SIZE(streams); i++) {
		char what[8];

		snprintf(what, sizeof(what), "%u", i);
		stream__open(&streams[i], &procs[i / 2], what, 4096, 4096);
	}
	for (unsigned int r = 0; r < rounds; r++)
		for (const struct event_desc *d = event_desc__next(NULL); d; d = event_desc__next(d))
			put_event(&streams[rnd() % ARRAY_SIZE(streams)], d, r, ts += 1 + rnd() % 999);
	return 0;
}

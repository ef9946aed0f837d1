/* SPDX-License-Identifier: MIT */
/*
 * What was seen, written and lost, per writer: seen = written + dropped, by cause. The left side is
 * counted where events come in, the right where they are read and where they are lost.
 */
#ifndef RDNA1_ANALYSIS_ACCOUNT_H
#define RDNA1_ANALYSIS_ACCOUNT_H

#include "../base/buf.h"
#include "../trace/reader.h"

struct account {
	uint32_t pid; /* of the writer */
	enum ev_source source;
	uint64_t seen, written, dropped;
	uint64_t by_cause[LOSS_COUNT];
	uint64_t torn_bytes;
	unsigned int streams;
};

struct accounts {
	VEC(struct account) list;
};

/* Feed every event, then the end. */
void accounts__event(struct accounts *a, const struct event *ev);
void accounts__end(struct accounts *a, const struct trace *t);
void accounts__free(struct accounts *a);

/* All writers of one source added up. */
struct account accounts__sum(const struct accounts *a, enum ev_source source);

/* Events seen that were neither written nor counted as lost: in flight when a writer was killed. */
uint64_t account__unexplained(const struct account *a);

#endif

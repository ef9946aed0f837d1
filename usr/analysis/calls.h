/* SPDX-License-Identifier: MIT */
/*
 * Calls of libraries that uprobes saw: how often each, and of MIOpen's convolutions which problem:
 * their descriptors are pointers, which earlier calls gave dimensions. Judges nothing.
 */
#ifndef RDNA1_ANALYSIS_CALLS_H
#define RDNA1_ANALYSIS_CALLS_H

#include "../base/map.h"
#include "../decode/api.h"
#include "../trace/reader.h"

#define TENSOR_DIMS 8
#define SPATIAL_DIMS 3

struct tensor {
	bool known;
	uint32_t type, num_dims;
	int64_t dims[TENSOR_DIMS];
};

struct conv_desc {
	bool known;
	uint32_t mode, spatial, groups;
	int64_t pad[SPATIAL_DIMS], stride[SPATIAL_DIMS], dilation[SPATIAL_DIMS];
};

/* Calls about one problem that ended one way. */
struct conv_call {
	uint32_t pid;
	char *text; /* "miopenConvolutionForward x=[1,3,44,44] w=[64,3,3,3] ..." */
	char *status;
	uint64_t count, total_ns;
};

struct call_count {
	uint16_t nr;
	uint64_t count, failed, open, left, total_ns, unread;
};

struct call_library {
	uint32_t pid, calls;
	int32_t error;
	uint64_t late_ns; /* 0: it was mapped before recording began */
	char *path;
};

struct calls {
	VEC(struct conv_call) convs; /* in the order of their first call */
	VEC(struct call_count) counts;
	VEC(struct call_library) libraries;
	/* inside */
	struct map tensor_at, conv_at; /* (pid, pointer) */
	VEC(struct tensor) tensors;
	VEC(struct conv_desc) conv_descs;
};

/* False when ev is no api_call. The copies are ev's. */
bool calls__view(const struct event *ev, struct api_call *c);

/* Take an event in, whichever it is. */
void calls__event(struct calls *s, const struct event *ev);
void calls__free(struct calls *s);

#endif

/* SPDX-License-Identifier: MIT */
/* rdna1-trace info: how its text is made, and the part about the GPUs. */
#ifndef RDNA1_CMD_INFO_H
#define RDNA1_CMD_INFO_H

#include <inttypes.h>
#include "base/buf.h"
#include "record/value.h"

struct view {
	const struct json_t *s; /* as session.json is */
	struct buf text;
	unsigned int width;
	bool live, emulated;
	char *card; /* of an agent's trace of an emulated device, as its events name it */
};

/* cmd_info.c */
void section(struct view *v, const char *text);
/* "  name            "; what it is follows, and a new line */
struct buf *row(struct view *v, const char *name);
void rowf(struct view *v, const char *name, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void row_say(struct view *v, const char *name, const struct json_t *o, const char *path);
/* A text, a number, yes or no, "not known". */
void say(struct buf *b, const struct json_t *o, const char *path);
int64_t number(const struct json_t *o, const char *path); /* 0 when it is none */

/* cmd_info_device.c */
unsigned int put_gpus(struct view *v); /* one line each; how many */
void put_nodes(struct view *v);

#endif

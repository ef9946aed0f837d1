/* SPDX-License-Identifier: MIT */
/* What ctf/metadata says, as the writer's TSDL has it: of the trace, and how its events are laid
 * out. */
#ifndef RDNA1_TRACE_METADATA_H
#define RDNA1_TRACE_METADATA_H

#include "../base/buf.h"
#include "../../hsa-tools/stream/stream.h"

#define METADATA_BYTES_MAX (16u << 20)

/*
 * Of the trace. 0; -ENOMSG when the text is not of rdna1-trace; -EPROTO when it is of another
 * format
 * (*format says which); -EBADMSG when it has no uuid. format may be NULL.
 */
int metadata__parse(const char *text, struct stream_meta *meta, uint64_t *format);

/* Fields of an event by their size: enough to know where its payload must end. */
struct layout {
	bool known;
	unsigned int num_fields;
	uint8_t sizes[64]; /* bytes; 0: TEXT, 255: BYTES */
};

struct layouts {
	struct layout by_id[256];
};

/* Whether a payload has all fields of its event and nothing else. */
bool layouts__fit(const struct layouts *l, uint16_t id, const uint8_t *payload, size_t len);

/*
 * Mend a text that may be damaged: what it says of events is kept where it is whole, the rest is
 * what this version writes for *meta. The text to write goes to *out (which is empty), the layouts
 * to *l. Returns whether all of it was whole.
 */
bool metadata__mend(const char *text, size_t len, const struct stream_meta *meta, struct buf *out,
		    struct layouts *l);

#endif

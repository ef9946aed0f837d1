// SPDX-License-Identifier: MIT
/* Named ranges (roctx): librdna1-roctx.so hands them over. */
#include "agent.h"

#include <string.h>

__attribute__((visibility("default"))) void rdna1_agent_range(unsigned int op, uint64_t id,
							      const char *name);

enum { NAME_MAX_BYTES = 4096 };

void rdna1_agent_range(unsigned int op, uint64_t id, const char *name)
{
	struct thread *t = agent_enter();
	struct ev_range e = {.op = (uint8_t)op, .id = id};
	size_t len = name ? strnlen(name, NAME_MAX_BYTES) : 0;
	uint8_t *at;

	if (!t)
		return;
	at = agent_reserve(t, EV_range, sizeof(e) + (len ? len : 1) + 1);
	if (at) {
		memcpy(at, &e, sizeof(e));
		stream__put_text(at + sizeof(e), name, len);
		agent_commit(t);
	}
	agent_leave(t);
}

// SPDX-License-Identifier: MIT
/* Stands in for the agent where ranges are tested without a runtime: says on stderr what it is told. */
#include <inttypes.h>
#include <stdio.h>

__attribute__((visibility("default"))) void rdna1_agent_range(unsigned int op, uint64_t id, const char *name);
void rdna1_agent_range(unsigned int op, uint64_t id, const char *name)
{
	fprintf(stderr, "agent %u %" PRIu64 " %s\n", op, id, name);
}

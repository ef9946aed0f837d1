// SPDX-License-Identifier: MIT
/* Verdicts on code objects: asked for of the command, where there is none yet. */
#include "policy.h"

#include "../isa/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { SCAN_MS = 60000 }; /* 100 MB of code take it 20 s */

void hazard_ask(struct thread *t, const struct code *code, const char *hex)
{
	char path[sizeof(agent.dir_path) + 100];
	static int said; /* atomic */
	int err;

	if (verdict__known(hex))
		return;
	if (!agent.options.scanner[0]) {
		agent_note(t,
			   "code object %s has no verdict, and nothing to make one: rdna1-trace "
			   "scan FILE does",
			   hex);
		return;
	}
	err = code_store(code);
	snprintf(path, sizeof(path), "%s/code-objects/%s.co", agent.dir_path, hex);
	if (!err)
		err = verdict__ask(agent.options.scanner, path, SCAN_MS);
	if (err && !__atomic_exchange_n(&said, 1, __ATOMIC_RELAXED))
		agent_say("replace-hazardous: code objects cannot be scanned, or what is found cannot be kept (%s): "
			  "rdna1-trace scan --verdict %s says why; kernels without a verdict stay as they are",
			  strerror(-err), path);
	if (err)
		agent_note(t, "code object %s was not scanned for hazards: %s", hex,
			   strerror(-err));
}

// SPDX-License-Identifier: MIT
/* What is made of a run that the agent changed: model, verdict, report, JSON. */
#include "synthetic_agent.h"
#include "../../usr/report/text.h"

#include <errno.h>

#define THEIRS 0x1000
#define OURS 0x2000
#define OTHER 0x3000
#define NAME "naive_conv_fwd_nchw_fp32"

static void put_policy(uint16_t kind, uint16_t state, const char *text, const char *reason)
{
	struct ev_policy x = {.kind = kind, .state = state, .rule = 1};

	put(EV_policy, &x, sizeof(x), 1, 2, (struct tail[]){TEXT_OF(text), TEXT_OF(reason)}, 2);
}

static void put_steer(uint64_t from, uint64_t to, uint16_t action, uint16_t why, const char *name, const char *reason)
{
	struct ev_steer x = {.kernel_object = from, .to_object = to, .action = action, .why = why};
	uint8_t sha[32] = {1};

	put(EV_steer, &x, sizeof(x), 1, 5,
	    (struct tail[]){{sha, sizeof(sha), false}, TEXT_OF(name), TEXT_OF(to ? "rdna1_conv_fwd" : "-"), TEXT_OF(reason)}, 4);
}

static void put_steered(uint64_t index, uint64_t from, uint64_t to, uint16_t action, uint16_t passed)
{
	FIXED(&a, steered, 1, 100 + index, .queue_id = 3, .index = index, .kernel_object = from, .to_object = to,
	      .action = action, .passed = passed);
}

static void put_host_run(uint64_t index, int32_t error, const char *problem)
{
	struct ev_host_run x = {.queue_id = 3, .index = index, .error = error, .waited_ns = 1000000, .copied_ns = 2000000,
				.computed_ns = 3000000, .copied_bytes = 4096};

	put(EV_host_run, &x, sizeof(x), 2, 200 + index, (struct tail[]){TEXT_OF(problem)}, 1);
}

static void put_quarantined(int32_t error, const char *entry)
{
	struct ev_quarantined x = {.error = error};

	put(EV_quarantined, &x, sizeof(x), 2, 400, (struct tail[]){TEXT_OF(entry), TEXT_OF("/state/quarantine")}, 2);
}

/* Spaces and line breaks between words are the layout's business. */
static bool says(const char *text, const char *words)
{
	char *flat = calloc(1, strlen(text) + 1), *at = flat;
	bool found;

	for (; *text; text++)
		if ((*text != ' ' && *text != '\n') || (at > flat && at[-1] != ' '))
			*at++ = *text == '\n' ? ' ' : *text;
	found = strstr(flat, words);
	if (!found)
		printf("no \"%s\" in: %s\n", words, flat);
	free(flat);
	return found;
}

enum { SHORT = 1, JSON = 2 };

static char *report_of(const struct model *m, int how)
{
	struct text_options o = {.width = 80, .dir = "trace", .brief = how == SHORT};
	struct evidence_of_machine e = {0};
	struct findings f;
	struct buf b = {0};

	findings__make(&f, m, &e);
	if (how == JSON)
		report_json(m, &f, &b);
	else
		report_text(m, &f, &o, &b);
	findings__free(&f);
	return b.s;
}

/* Of a trace, in one of its forms; frees the model. */
static char *report(int how)
{
	struct model m = end();
	char *text = report_of(&m, how);

	model__free(&m);
	return text;
}

static void begin_run(void)
{
	begin();
	put_start();
	put_device(4);
	put_symbol(THEIRS, NAME);
	put_symbol(OURS, "rdna1_conv_fwd");
	put_symbol(OTHER, "other");
}

static void put_host_dispatches(uint64_t n)
{
	put_policy(POLICY_KIND_fallback, POLICY_STATE_on, "auto", "-");
	put_steer(THEIRS, 0, STEER_ACTION_host, STEER_WHY_quarantine, NAME, "hang, 2026-11-22");
	for (uint64_t i = 0; i < n; i++) {
		put_steered(i, THEIRS, 0, STEER_ACTION_host, 0);
		put_host_run(i, 0, "fwd-nchw");
	}
}

static void test_host(void)
{
	struct model m;
	char *text;

	begin_run();
	put_host_dispatches(12);
	m = end();
	CHECK_EQ(m.steering.list.n, 1);
	CHECK_EQ(m.steering.list.v[0].steered, 12);
	CHECK_EQ(m.steering.list.v[0].runs, 12);
	CHECK_EQ(m.steering.list.v[0].computed_ns, 36000000);
	CHECK_EQ(m.steering.list.v[0].copied_bytes, 12 * 4096);
	CHECK_EQ(m.steering.on_host.used, 0);
	text = report_of(&m, 0);
	CHECK(says(text, "Nothing failed that was recorded. 12 dispatches of " NAME " were computed on the host, "
			 "because the quarantine has it: hang, 2026-11-22."));
	CHECK(says(text, "Steered by the agent: 12 dispatches fallback 1, auto: in force"));
	CHECK(says(text, "because of quarantine: hang, 2026-11-22"));
	CHECK(says(text, "on the host: computed for 36.0ms, copied 48 KiB for 24.0ms, waited for the queue 12.0ms"));
	CHECK(says(text, "problem: fwd-nchw"));
	free(text);
	text = report_of(&m, SHORT);
	CHECK(says(text, "steered: 12 dispatches of " NAME " computed on the host"));
	CHECK(!strstr(text, "Steered by"));
	free(text);
	text = report_of(&m, JSON);
	CHECK(says(text, "\"steering\":{\"dispatches\":12,"));
	CHECK(says(text, "\"action\":\"computed on the host\",\"why\":\"quarantine\",\"reason\":\"hang, 2026-11-22\",\"dispatches\":12,\"passed\":{}"));
	CHECK(says(text, "\"kind\":\"fallback\",\"state\":\"in force\",\"asked\":\"auto\""));
	free(text);
	model__free(&m);

	/* One, and it did not end. */
	begin_run();
	put_steer(THEIRS, 0, STEER_ACTION_host, STEER_WHY_fallback, NAME, "-");
	put_steered(1, THEIRS, 0, STEER_ACTION_host, 0);
	text = report(0);
	CHECK(says(text, "1 dispatch of " NAME " was computed on the host, as --fallback says."));
	CHECK(says(text, "1 of them was not seen to end"));
	free(text);

	/* It could not be computed. */
	begin_run();
	put_steer(THEIRS, 0, STEER_ACTION_host, STEER_WHY_fallback, NAME, "-");
	put_steered(1, THEIRS, 0, STEER_ACTION_host, 0);
	put_host_run(1, -ENOMEM, "fwd");
	text = report(0);
	CHECK(says(text, "as --fallback says; 1 of them could not be, and ran as they were sent."));
	CHECK(says(text, "1 of them could not be computed (ENOMEM"));
	free(text);
}

static void test_mixture(void)
{
	char *text;

	begin_run();
	put_policy(POLICY_KIND_replace, POLICY_STATE_refused, "x=y.co", "y.co: no such file");
	put_policy(POLICY_KIND_override, POLICY_STATE_on, "vram:fine", "-");
	put_steer(THEIRS, OURS, STEER_ACTION_native, STEER_WHY_rule, NAME, "rule 1");
	put_steer(OTHER, 0, STEER_ACTION_none, STEER_WHY_quarantine, "other", "no kernel of that family");
	for (uint64_t i = 0; i < 5; i++)
		put_steered(i, THEIRS, OURS, STEER_ACTION_native, 0);
	put_steered(6, THEIRS, OURS, STEER_ACTION_native, STEER_PASSED_unread);
	put_steered(7, THEIRS, OURS, STEER_ACTION_native, 99);
	put_steered(8, 0x9999, OURS, STEER_ACTION_native, 0);
	text = report(0);
	CHECK(says(text, "replace rule 1, x=y.co: refused: y.co: no such file"));
	CHECK(says(text, "Changed of the run, as it was asked for allocation override 1, vram:fine: in force"));
	CHECK(says(text, "5 dispatches of " NAME " replaced by the gfx1010 kernel"));
	CHECK(says(text, "instead: rdna1_conv_fwd"));
	CHECK(says(text, "1 dispatch ran as the program sent it: its arguments could not be read"));
	CHECK(says(text, "and 1 kernel that was not dispatched (--all shows them)"));
	CHECK(says(text, "and 1 of kernels whose event is not in the trace"));
	free(text);

	/* Nothing was changed: not a word. */
	begin_run();
	text = report(0);
	CHECK(!strstr(text, "teered") && !strstr(text, "uarantine"));
	free(text);
}

static void put_fault(uint64_t object)
{
	struct ev_emu_fault x = {.kind = EMU_FAULT_aperture, .kernel_object = object, .va = 0xdead000000000000};
	size_t size = sizeof(x) + 8;
	uint8_t *at = stream__reserve(&e, EV_emu_fault, size, 1, 500);

	memcpy(at, &x, sizeof(x));
	stream__put_text(at + sizeof(x), "flat", 4);
	stream__commit(&e);
}

static void test_faults(void)
{
	char *text;

	/* Of ours. */
	begin_run();
	put_steer(THEIRS, OURS, STEER_ACTION_native, STEER_WHY_quarantine, NAME, "hang");
	put_steered(1, THEIRS, OURS, STEER_ACTION_native, 0);
	put_fault(OURS);
	text = report(0);
	CHECK(says(text, "It is not the program's: rdna1-trace's kernel for gfx1010 ran instead of " NAME "."));
	free(text);
	/* As the program names it. */
	begin_run();
	put_steer(THEIRS, OURS, STEER_ACTION_file, STEER_WHY_rule, NAME, "rule 1");
	put_steered(1, THEIRS, OURS, STEER_ACTION_file, 0);
	put_fault(THEIRS);
	text = report(0);
	CHECK(says(text, "It is not the program's: the kernel of --replace ran instead of " NAME "."));
	free(text);
	/* Of another. */
	begin_run();
	put_host_dispatches(2);
	put_fault(OTHER);
	text = report(0);
	CHECK(says(text, "It is the program's own; 2 dispatches of other kernels went elsewhere."));
	free(text);
	/* It was to be avoided. */
	begin_run();
	put_steer(OTHER, 0, STEER_ACTION_none, STEER_WHY_quarantine, "other", "it is of no known family");
	put_fault(OTHER);
	text = report(0);
	CHECK(says(text, "It should have been avoided, and could not: it is of no known family."));
	free(text);
}

static void test_quarantined(void)
{
	char *text;

	begin_run();
	put_quarantined(0, "kernel=k what=hang");
	put_quarantined(-ENOSPC, "kernel=j what=hang");
	text = report(0);
	CHECK(says(text, "Quarantine written to /state/quarantine: kernel=k what=hang"));
	CHECK(says(text, "could not be written to /state/quarantine (ENOSPC"));
	free(text);
}

int main(void)
{
	test_host();
	test_mixture();
	test_faults();
	test_quarantined();
	END_TESTS;
}

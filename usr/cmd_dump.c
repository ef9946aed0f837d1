// SPDX-License-Identifier: MIT
/* rdna1-trace dump: every event, one line each, in time order. */
#include "cmd.h"
#include "analysis/calls.h"
#include "base/log.h"
#include "decode/drm.h"
#include "decode/iv.h"
#include "decode/kfd.h"
#include "report/text.h"
#include "trace/reader.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum format { FORMAT_TEXT, FORMAT_JSON };

/* ---- text ---- */

/* How an ioctl is printed, by the kind of its argument. */
struct ioctl_decoder {
	enum print_kind arg;
	void (*cmd)(struct buf *b, uint32_t cmd);
};
static const struct ioctl_decoder decoders[] = {
	{PRINT_KFD_ARG, kfd_print_cmd},
	{PRINT_DRM_ARG, drm_print_cmd},
};

/* Fields of an event that holds an ioctl, found by name. */
struct ioctl_view {
	const struct ioctl_decoder *decoder;
	uint32_t cmd, begin_dt;
	bool returned;
	int64_t ret;
	int32_t fd;
	uint32_t pid, caller;
	uint16_t unread;
	const uint8_t *data[3]; /* arg, array0, array1; of a DRM ioctl the last is what was asked */
	uint16_t len[3];
};

static const struct ioctl_decoder *decoder_of(const struct event_desc *d)
{
	for (unsigned int i = 0; i < d->num_fields; i++)
		for (size_t n = 0; n < ARRAY_SIZE(decoders); n++)
			if (d->fields[i].print == decoders[n].arg)
				return &decoders[n];
	return NULL;
}

static bool view_ioctl(const struct event *ev, struct ioctl_view *v)
{
	struct field_iter it = event__fields(ev);
	struct field_value f;
	unsigned int blob = 0;

	*v = (struct ioctl_view){.decoder = decoder_of(ev->desc), .caller = ev->tid, .fd = -1};
	if (!v->decoder)
		return false;
	while (field_iter__next(&it, &f)) {
		const char *name = f.desc->name;

		if (f.desc->kind == FIELD_BYTES && blob < ARRAY_SIZE(v->data)) {
			v->data[blob] = f.data;
			v->len[blob++] = f.len;
		} else if (!strcmp(name, "cmd")) {
			v->cmd = (uint32_t)f.value;
		} else if (!strcmp(name, "begin_dt")) {
			v->begin_dt = (uint32_t)f.value;
		} else if (!strcmp(name, "ret")) {
			v->ret = (int64_t)f.value;
			v->returned = true;
		} else if (!strcmp(name, "fd")) {
			v->fd = (int32_t)f.value;
		} else if (!strcmp(name, "pid")) {
			v->pid = (uint32_t)f.value;
		} else if (!strcmp(name, "caller")) {
			v->caller = (uint32_t)f.value;
		} else if (!strcmp(name, "unread")) {
			v->unread = (uint16_t)f.value;
		}
	}
	return true;
}

static void print_arg(struct buf *b, const struct ioctl_view *v)
{
	if (v->decoder->arg == PRINT_KFD_ARG)
		kfd_print_arg(b, v->cmd, v->data[0], v->len[0]);
	else if (!v->len[2])
		drm_print_arg(b, v->cmd, v->ret, v->data[0], v->len[0]);
	else
		drm_print_arg(b, v->cmd, -1, v->data[2], v->len[2]);
	/* An answer overwrites what was asked. */
	if (v->decoder->arg == PRINT_DRM_ARG && v->len[2] && v->ret >= 0 &&
	    (v->len[0] < v->len[2] || memcmp(v->data[0], v->data[2], v->len[2]))) {
		buf__puts(b, " => ");
		drm_print_arg(b, v->cmd, v->ret, v->data[0], v->len[0]);
	}
}

static void print_array(struct buf *b, const struct ioctl_view *v, unsigned int slot)
{
	if (v->decoder->arg == PRINT_KFD_ARG)
		kfd_print_array(b, v->cmd, v->data[0], v->len[0], slot, v->data[slot + 1],
				v->len[slot + 1]);
	else
		drm_print_array(b, v->cmd, slot, v->data[slot + 1], v->len[slot + 1]);
}

static void text_ioctl(struct buf *b, const struct event *ev, const struct ioctl_view *v)
{
	buf__printf(b, "%u/%u %s ioctl(", v->pid, v->caller, ev->desc->name);
	if (v->fd != -1)
		buf__printf(b, "%d, ", v->fd);
	else
		buf__puts(b, "fd not known, ");
	v->decoder->cmd(b, v->cmd);
	buf__printf(b, " (0x%x)", v->cmd);
	if (v->len[0]) {
		buf__puts(b, ", ");
		print_arg(b, v);
	}
	for (unsigned int i = 1; i < 3; i++) {
		if (!v->len[i] || (i == 2 && v->decoder->arg == PRINT_DRM_ARG))
			continue;
		buf__puts(b, ", ");
		print_array(b, v, i - 1);
	}
	if (v->unread)
		buf__printf(b, ", %u bytes unread", v->unread);
	buf__puts(b, v->returned ? ") = " : ") has not returned");
	if (v->returned)
		print_value(b, PRINT_ERRNO, (uint64_t)v->ret, true);
	if (v->begin_dt) {
		buf__puts(b, " <");
		print_ns(b, v->begin_dt);
		buf__putc(b, '>');
	}
}

/* before: the field's neighbour, which says what the flags of a mapping are. */
static void text_field(struct buf *b, const struct field_value *v, const struct field_value *before)
{
	enum print_kind kind = v->desc->print;

	if (kind == PRINT_MAP_FLAGS && before->desc && before->desc->print == PRINT_FLAG_KIND)
		kind = before->value == FLAG_KIND_vm ? PRINT_VM_FLAGS : PRINT_PTE;
	buf__printf(b, "%s=", v->desc->name);
	if (v->desc->kind == FIELD_INT)
		print_value(b, kind, v->value, v->desc->is_signed);
	else if (v->desc->kind == FIELD_TEXT)
		buf__json(b, (const char *)v->data, v->len);
	else
		print_bytes(b, v->desc->print, v->data, v->len);
}

/* What an interrupt says, by the rows of this tool's cards. */
static void text_iv(struct buf *b, const struct event *ev)
{
	struct ev_gpu_iv e;

	event__fixed(ev, &e, sizeof(e));
	buf__puts(b, ": ");
	iv_print(b, caps_iv__find(100100),
		 &(struct iv){.client_id = e.client_id,
			      .src_id = e.src_id,
			      .ring_id = e.ring_id,
			      .vmid = e.vmid,
			      .pasid = e.pasid,
			      .src_data = {e.data0, e.data1, e.data2, e.data3}});
}

static void text_call(struct buf *b, const struct event *ev, const struct api_call *c)
{
	struct ev_api_call e;

	event__fixed(ev, &e, sizeof(e));
	buf__printf(b, "%u/%u %s ", e.pid, ev->tid, ev->desc->name);
	api_call__print(b, c);
	if (e.unread)
		buf__printf(b, ", %u bytes unread", e.unread);
	if (e.begin_dt) {
		buf__puts(b, " <");
		print_ns(b, e.begin_dt);
		buf__putc(b, '>');
	}
}

static void text_event(struct buf *b, const struct event *ev)
{
	struct field_iter it = event__fields(ev);
	struct field_value v, before = {0};
	struct ioctl_view io;
	struct api_call call;
	const char *sep = "";

	buf__printf(b, "[%" PRIu64 ".%09" PRIu64 "] ", ev->ts_ns / 1000000000u,
		    ev->ts_ns % 1000000000u);
	if (calls__view(ev, &call)) {
		text_call(b, ev, &call);
		buf__putc(b, '\n');
		return;
	}
	if (view_ioctl(ev, &io)) {
		text_ioctl(b, ev, &io);
		buf__putc(b, '\n');
		return;
	}
	buf__printf(b, "%u/%u %s(", ev->stream->pid, ev->tid, ev->desc->name);
	while (field_iter__next(&it, &v)) {
		buf__puts(b, sep);
		text_field(b, &v, &before);
		before = v;
		sep = ", ";
	}
	buf__putc(b, ')');
	if (ev->desc->id == EV_gpu_iv)
		text_iv(b, ev);
	buf__putc(b, '\n');
}

/* ---- JSON: raw values, one object per line; x64 fields are strings ---- */

static void json_event(struct buf *b, const struct event *ev, bool emulated)
{
	struct field_iter it = event__fields(ev);
	struct field_value v;
	struct api_call call;
	const char *sep = "";

	buf__printf(b, "{\"timestamp\":%" PRIu64 ",\"stream\":", ev->ts_ns);
	buf__json(b, ev->stream->name, strlen(ev->stream->name));
	buf__printf(b,
		    ",%s\"writer_pid\":%u,\"size\":%zu,\"tid\":%u,\"id\":%u,\"event\":\"%s\",",
		    emulated ? "\"emulated\":true," : "", ev->stream->pid,
		    sizeof(struct ev_head) + ev->len, ev->tid, ev->desc->id, ev->desc->name);
	if (calls__view(ev, &call) && api_call_name(call.nr))
		buf__printf(b, "\"call_name\":\"%s\",", api_call_name(call.nr));
	buf__puts(b, "\"fields\":{");
	while (field_iter__next(&it, &v)) {
		buf__printf(b, "%s\"%s\":", sep, v.desc->name);
		sep = ",";
		if (v.desc->kind == FIELD_TEXT) {
			buf__json(b, (const char *)v.data, v.len);
		} else if (v.desc->kind == FIELD_BYTES) {
			buf__putc(b, '"');
			buf__hex(b, v.data, v.len);
			buf__putc(b, '"');
		} else if (v.desc->is_hex && v.desc->size == 8) {
			/* Readers of JSON keep 53 bits of a number, and of an address every bit
			 * counts. */
			buf__printf(b, "\"0x%" PRIx64 "\"", v.value);
		} else if (v.desc->is_signed) {
			buf__printf(b, "%" PRId64, (int64_t)v.value);
		} else {
			buf__printf(b, "%" PRIu64, v.value);
		}
	}
	buf__puts(b, "}}\n");
}

/* A counter that counted nothing says nothing; JSON keeps it. */
static bool is_idle_counter(const struct event *ev)
{
	struct ev_loss e;

	if (ev->desc->id != EV_loss)
		return false;
	event__fixed(ev, &e, sizeof(e));
	return !e.count;
}

static int dump(const char *dir, enum format format)
{
	const struct trace_stats *st;
	struct buf b = {0};
	struct event ev;
	struct trace *t;
	bool emulated;
	char err[1024];
	int rc;

	t = trace__open(dir, err, sizeof(err));
	if (!t) {
		log_err("%s", err);
		return 1;
	}
	emulated = trace__emulated(t);
	if (emulated && format == FORMAT_TEXT)
		buf__puts(&b, "# observed on an emulated device, not on hardware\n");
	while ((rc = trace__next(t, &ev)) > 0) {
		if (format == FORMAT_JSON)
			json_event(&b, &ev, emulated);
		else if (!is_idle_counter(&ev))
			text_event(&b, &ev);
		if (b.len > 64 << 10) {
			fwrite(b.s, 1, b.len, stdout);
			buf__reset(&b);
		}
	}
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
	st = trace__stats(t);
	if (st->unknown)
		log_warn("%" PRIu64 " events of kinds this version does not know were skipped",
			 st->unknown);
	if (is_torn(st)) {
		struct buf torn = {0};

		report_torn(st, trace__recovered(t) ? NULL : dir, " ", &torn);
		log_warn("left out: %s", buf__str(&torn));
		buf__free(&torn);
	}
	if (st->foreign_chunks)
		log_warn("left %u files that belong to another trace", st->foreign_chunks);
	trace__close(t);
	if (fflush(stdout) || ferror(stdout)) {
		log_err("cannot write the output");
		return 1;
	}
	return rc < 0;
}

static const char help[] =
	"usage: rdna1-trace dump [--format text|json] [DIR]\n"
	"\n"
	"Every event of the trace DIR, or of the newest trace of this directory, in time order.\n"
	"\n"
	"      --format text  one line each, names with raw values, like strace (the default)\n"
	"      --format json  one JSON object each, all fields, raw values\n"
	"  -h, --help         this text\n";

int cmd_dump(int argc, char **argv)
{
	static const struct option options[] = {
		{"format", required_argument, NULL, 'f'}, {"help", no_argument, NULL, 'h'}, {0}};
	enum format format = FORMAT_TEXT;
	int c, status = 0;
	char *dir;

	opterr = 0;
	while ((c = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (strcmp(optarg, "text") && strcmp(optarg, "json"))
				return usage_error("dump: --format is text or json, not '%s'",
						   optarg);
			format = optarg[0] == 'j' ? FORMAT_JSON : FORMAT_TEXT;
			break;
		case 'h':
			fputs(help, stdout);
			return 0;
		case ':':
			return usage_error("dump: option %s needs a value", bad_option(argv));
		default:
			return usage_error("dump: unknown option %s", bad_option(argv));
		}
	}
	dir = trace_argument(argc, argv, &status);
	if (dir)
		status = dump(dir, format);
	free(dir);
	return status;
}

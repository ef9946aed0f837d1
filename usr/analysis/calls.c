// SPDX-License-Identifier: MIT
#include "calls.h"

#include <inttypes.h>
#include <string.h>

bool calls__view(const struct event *ev, struct api_call *c)
{
	struct ev_api_call e;
	const uint8_t *args;
	size_t len;

	if (ev->desc->id != EV_api_call)
		return false;
	event__fixed(ev, &e, sizeof(e));
	len = event__bytes(ev, 0, &args);
	if (len > sizeof(c->args))
		len = sizeof(c->args);
	*c = (struct api_call){.nr = e.call,
			       .returned = e.returned == 1,
			       .left = e.returned == 2,
			       .ret = e.ret,
			       .num_args = (uint32_t)(len / 8)};
	if (len)
		memcpy(c->args, args, len / 8 * 8);
	for (unsigned int i = 0; i < API_CALL_COPIES; i++)
		c->copy_len[i] = (uint16_t)event__bytes(ev, 1 + i, &c->copy[i]);
	return true;
}

/* ---- descriptors ---- */

static struct tensor *tensor_of(struct calls *s, uint32_t pid, uint64_t desc)
{
	size_t i;

	if (!map__get(&s->tensor_at, pid, desc, &i)) {
		VEC_PUSH(&s->tensors);
		i = s->tensors.n - 1;
		map__set(&s->tensor_at, pid, desc, i);
	}
	return &s->tensors.v[i];
}

static struct conv_desc *conv_of(struct calls *s, uint32_t pid, uint64_t desc)
{
	size_t i;

	if (!map__get(&s->conv_at, pid, desc, &i)) {
		VEC_PUSH(&s->conv_descs);
		i = s->conv_descs.n - 1;
		map__set(&s->conv_at, pid, desc, i);
	}
	return &s->conv_descs.v[i];
}

static bool is(const struct api_call *c, const char *name)
{
	const char *call = api_call_name(c->nr);

	return call && !strcmp(call, name);
}

/* n, c, h, w */
static void set_4d(const struct api_call *c, struct tensor *t)
{
	static const char *const names[] = {"n", "c", "h", "w"};

	t->type = (uint32_t)api_call__arg(c, "dataType");
	t->num_dims = 4;
	for (unsigned int i = 0; i < 4; i++)
		t->dims[i] = (int64_t)api_call__arg(c, names[i]);
	t->known = true;
}

static void set_nd(const struct api_call *c, struct tensor *t, const char *count, const char *dims)
{
	uint64_t n = api_call__arg(c, count);

	t->known = false;
	if (n > TENSOR_DIMS)
		return;
	t->type = (uint32_t)api_call__arg(c, "dataType");
	t->num_dims = (uint32_t)n;
	for (unsigned int i = 0; i < n; i++)
		if (!api_call__copied(c, dims, i, &t->dims[i]))
			return;
	t->known = true;
}

static void init_conv(const struct api_call *c, struct conv_desc *d)
{
	static const char *const names[][2] = {
		{"pad_h", "pad_w"}, {"stride_h", "stride_w"}, {"dilation_h", "dilation_w"}};
	int64_t *fields[] = {d->pad, d->stride, d->dilation};

	for (unsigned int f = 0; f < ARRAY_SIZE(fields); f++)
		for (unsigned int i = 0; i < 2; i++)
			fields[f][i] = (int64_t)api_call__arg(c, names[f][i]);
	d->spatial = 2;
	d->known = true;
}

static void init_conv_nd(const struct api_call *c, struct conv_desc *d)
{
	static const char *const names[] = {"padA", "strideA", "dilationA"};
	int64_t *fields[] = {d->pad, d->stride, d->dilation};
	uint64_t n = api_call__arg(c, "spatialDim");

	d->known = false;
	if (n > SPATIAL_DIMS)
		return;
	d->spatial = (uint32_t)n;
	for (unsigned int f = 0; f < ARRAY_SIZE(fields); f++)
		for (unsigned int i = 0; i < n; i++)
			if (!api_call__copied(c, names[f], i, &fields[f][i]))
				return;
	d->known = true;
}

static bool on_tensor(struct calls *s, uint32_t pid, const struct api_call *c)
{
	struct tensor *t = tensor_of(s, pid, api_call__arg(c, "tensorDesc"));

	if (is(c, "miopenSet4dTensorDescriptor") || is(c, "miopenSet4dTensorDescriptorEx"))
		set_4d(c, t);
	else if (is(c, "miopenSetTensorDescriptor") || is(c, "miopenSetTensorDescriptorV2"))
		set_nd(c, t, "nbDims", "dimsA");
	else if (is(c, "miopenSetNdTensorDescriptorWithLayout"))
		set_nd(c, t, "num_lens", "lens");
	else
		t->known = false; /* destroyed */
	return true;
}

static bool on_conv_desc(struct calls *s, uint32_t pid, const struct api_call *c)
{
	struct conv_desc *d = conv_of(s, pid, api_call__arg(c, "convDesc"));

	if (is(c, "miopenInitConvolutionDescriptor") ||
	    is(c, "miopenInitConvolutionNdDescriptor")) {
		d->mode = (uint32_t)api_call__arg(c, "c_mode");
		d->groups = 1;
		if (is(c, "miopenInitConvolutionDescriptor"))
			init_conv(c, d);
		else
			init_conv_nd(c, d);
	} else if (is(c, "miopenSetConvolutionGroupCount")) {
		d->groups = (uint32_t)api_call__arg(c, "groupCount");
	} else if (is(c, "miopenDestroyConvolutionDescriptor")) {
		d->known = false;
	}
	return true;
}

/* ---- problems ---- */

static void put_list(struct buf *b, const char *name, const int64_t *v, uint32_t n)
{
	bool same = n > 0;

	for (uint32_t i = 1; i < n; i++)
		same = same && v[i] == v[0];
	buf__printf(b, " %s ", name);
	for (uint32_t i = 0; i < (same ? 1 : n); i++)
		buf__printf(b, "%s%" PRId64, i ? "," : "", v[i]);
}

static void put_tensor(struct buf *b, struct calls *s, uint32_t pid, const struct api_arg *a,
		       const char **type)
{
	const struct tensor *t = tensor_of(s, pid, a->value);

	buf__printf(b, " %.*s=", (int)a->len - 4, a->name); /* without "Desc" */
	if (!t->known) {
		buf__putc(b, '?');
		return;
	}
	buf__putc(b, '[');
	for (uint32_t i = 0; i < t->num_dims; i++)
		buf__printf(b, "%s%" PRId64, i ? "," : "", t->dims[i]);
	buf__putc(b, ']');
	*type = api_miopen_type(t->type) ?: "type not known";
}

static void put_conv(struct buf *b, const struct conv_desc *d)
{
	if (!d->known) {
		buf__puts(b, " conv=?");
		return;
	}
	put_list(b, "pad", d->pad, d->spatial);
	put_list(b, "stride", d->stride, d->spatial);
	put_list(b, "dilation", d->dilation, d->spatial);
	if (d->groups != 1)
		buf__printf(b, " groups %u", d->groups);
	if (d->mode == 1)
		buf__puts(b, " transpose");
}

static char *problem(struct calls *s, uint32_t pid, const struct api_call *c)
{
	struct api_arg a = {0};
	const char *type = NULL;
	struct buf b = {0};

	buf__puts(&b, api_call_name(c->nr));
	while (api_arg__next(c, &a))
		if (a.len > 4 && !strncmp(a.name + a.len - 4, "Desc", 4) &&
		    !api_arg__is(&a, "convDesc"))
			put_tensor(&b, s, pid, &a, &type);
	put_conv(&b, conv_of(s, pid, api_call__arg(c, "convDesc")));
	if (type)
		buf__printf(&b, " %s", type);
	for (a = (struct api_arg){0}; api_arg__next(c, &a);)
		if (api_arg__is(&a, "algo")) {
			const char *name = api_miopen_algorithm(a.type, a.value);

			if (name)
				buf__printf(&b, " by %s", name);
			else
				buf__printf(&b, " by algorithm %" PRIu64, a.value);
		} else if (api_arg__is(&a, "solution_id")) {
			buf__printf(&b, " by solution %" PRIu64, a.value);
		}
	return b.s;
}

static void add_conv(struct calls *s, uint32_t pid, const struct api_call *c, uint64_t ns)
{
	char *text = problem(s, pid, c);
	struct conv_call *x = NULL;
	struct buf status = {0};

	if (!c->returned)
		buf__puts(&status, c->left ? "left without a return" : "not returned");
	else if (api_call__failed(c))
		api_call__print_status(&status, c);
	for (size_t i = 0; i < s->convs.n && !x; i++)
		if (s->convs.v[i].pid == pid && !strcmp(s->convs.v[i].text, text) &&
		    !strcmp(s->convs.v[i].status, buf__str(&status)))
			x = &s->convs.v[i];
	if (x) {
		free(text);
	} else {
		x = VEC_PUSH(&s->convs);
		x->pid = pid;
		x->text = text;
		x->status = xstrdup(buf__str(&status));
	}
	buf__free(&status);
	x->count++;
	x->total_ns += ns;
}

static void count(struct calls *s, const struct api_call *c, const struct ev_api_call *e)
{
	struct call_count *x = NULL;

	for (size_t i = 0; i < s->counts.n && !x; i++)
		if (s->counts.v[i].nr == c->nr)
			x = &s->counts.v[i];
	if (!x) {
		x = VEC_PUSH(&s->counts);
		x->nr = c->nr;
	}
	x->count++;
	x->failed += api_call__failed(c);
	x->open += !c->returned && !c->left;
	x->left += c->left;
	x->total_ns += e->begin_dt;
	x->unread += e->unread;
}

static bool is_problem(const struct api_call *c)
{
	struct api_arg a = {0};
	unsigned int descs = 0;
	bool conv = false;

	while (api_arg__next(c, &a)) {
		conv = conv || api_arg__is(&a, "convDesc");
		descs += a.len > 4 && !strncmp(a.name + a.len - 4, "Desc", 4);
	}
	return conv && descs > 1;
}

static void on_call(struct calls *s, const struct event *ev)
{
	struct ev_api_call e;
	struct api_call c;

	calls__view(ev, &c);
	event__fixed(ev, &e, sizeof(e));
	count(s, &c, &e);
	if (is_problem(&c))
		add_conv(s, e.pid, &c, e.begin_dt);
	else if (!c.returned || api_call__failed(&c))
		return;
	else if (api_call__arg(&c, "tensorDesc"))
		on_tensor(s, e.pid, &c);
	else if (api_call__arg(&c, "convDesc"))
		on_conv_desc(s, e.pid, &c);
}

static void on_library(struct calls *s, const struct event *ev)
{
	struct ev_api_library e;
	struct buf path = {0};
	const uint8_t *data;
	size_t len = event__bytes(ev, 0, &data);

	event__fixed(ev, &e, sizeof(e));
	buf__visible(&path, (const char *)data, len);
	*VEC_PUSH(&s->libraries) = (struct call_library){.pid = e.pid,
							 .calls = e.calls,
							 .error = e.error,
							 .late_ns = e.late_ns,
							 .path = path.s ? path.s : xstrdup("")};
}

void calls__event(struct calls *s, const struct event *ev)
{
	if (ev->desc->id == EV_api_call)
		on_call(s, ev);
	else if (ev->desc->id == EV_api_library)
		on_library(s, ev);
}

void calls__free(struct calls *s)
{
	for (size_t i = 0; i < s->convs.n; i++) {
		free(s->convs.v[i].text);
		free(s->convs.v[i].status);
	}
	for (size_t i = 0; i < s->libraries.n; i++)
		free(s->libraries.v[i].path);
	free(s->convs.v);
	free(s->counts.v);
	free(s->libraries.v);
	free(s->tensors.v);
	free(s->conv_descs.v);
	map__free(&s->tensor_at);
	map__free(&s->conv_at);
	memset(s, 0, sizeof(*s));
}

// SPDX-License-Identifier: MIT
/*
 * oneDNN's C interface, as far as it is used here (github.com/oneapi-src/oneDNN,
 * include/oneapi/dnnl: v2.6 and v3.0). Version 2 describes a memory and an operation in structures
 * of the caller, version 3 in its own.
 */
#include "dnnl.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

/* As in glibc before 2.34, which had them in libdl.so.2. */
__asm__(".symver dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver dlsym, dlsym@GLIBC_2.2.5");
__asm__(".symver dlerror, dlerror@GLIBC_2.2.5");

enum {
	F32 = 3,
	CPU = 1,
	IN_ORDER = 1, /* dnnl_data_type_t, dnnl_engine_kind_t, dnnl_stream_flags_t */
	FORWARD_TRAINING = 64,
	CONV_DIRECT = 1, /* dnnl_prop_kind_t, dnnl_alg_kind_t */
	ARG_SRC = 1,
	ARG_DST = 17,
	ARG_WEIGHTS = 33,
	ARG_DIFF_SRC = 129,
	ARG_DIFF_DST = 145,
	ARG_DIFF_WEIGHTS = 161,
	MAX_DIMS = 12,
	V2_MEMORY_BYTES = 1024,	   /* dnnl_memory_desc_t has 696 in 2.6.3 */
	V2_OPERATION_BYTES = 8192, /* dnnl_convolution_desc_t has 5976 */
};

typedef int64_t dims[MAX_DIMS];

/* What describes a memory: at p, which is v2 or version 3's own. */
struct memory_desc {
	void *p;
	_Alignas(16) char v2[V2_MEMORY_BYTES];
};

struct exec_arg {
	int arg;
	void *memory;
};

/* What a convolution is made of; behind the pointers, which primitive_desc fills in. */
struct operation {
	enum conv_kind kind;
	struct memory_desc in, wei, out;
	dims strides, dilates, padding;
};

static struct {
	pthread_mutex_t lock;
	int version; /* 0: not open */
	void *engine;
	int (*engine_create)(void **engine, int kind, size_t index);
	int (*stream_create)(void **stream, void *engine, unsigned int flags);
	int (*stream_wait)(void *stream);
	int (*stream_destroy)(void *stream);
	int (*memory_create)(void **memory, const void *desc, void *engine, void *at);
	int (*memory_destroy)(void *memory);
	int (*primitive_create)(void **primitive, const void *desc);
	int (*primitive_execute)(const void *primitive, void *stream, int n,
				 const struct exec_arg *args);
	int (*primitive_destroy)(void *primitive);
	int (*primitive_desc_destroy)(void *desc);
	/* version 2 */
	int (*memory_desc_init)(void *desc, int n, const dims size, int type, const dims strides);
	int (*forward_init)(void *op, int prop, int alg, const void *in, const void *wei,
			    const void *bias, const void *out, const dims strides,
			    const dims dilates, const dims left, const dims right);
	int (*data_init)(void *op, int alg, const void *in, const void *wei, const void *out,
			 const dims strides, const dims dilates, const dims left, const dims right);
	int (*weights_init)(void *op, int alg, const void *in, const void *wei, const void *bias,
			    const void *out, const dims strides, const dims dilates,
			    const dims left, const dims right);
	int (*primitive_desc_create)(void **desc, const void *op, const void *attr, void *engine,
				     const void *hint);
	/* version 3 */
	int (*memory_desc_create)(void **desc, int n, const dims size, int type,
				  const dims strides);
	int (*memory_desc_destroy)(void *desc);
	int (*forward_create)(void **desc, void *engine, int prop, int alg, const void *in,
			      const void *wei, const void *bias, const void *out,
			      const dims strides, const dims dilates, const dims left,
			      const dims right, const void *attr);
	int (*data_create)(void **desc, void *engine, int alg, const void *in, const void *wei,
			   const void *out, const dims strides, const dims dilates, const dims left,
			   const dims right, const void *hint, const void *attr);
	int (*weights_create)(void **desc, void *engine, int alg, const void *in, const void *wei,
			      const void *bias, const void *out, const dims strides,
			      const dims dilates, const dims left, const dims right,
			      const void *hint, const void *attr);
} lib = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- loading ---- */

struct function {
	const char *name;
	void *to;
	int version; /* 0: both have it */
};

static const struct function functions[] = {
	{"dnnl_engine_create", &lib.engine_create, 0},
	{"dnnl_stream_create", &lib.stream_create, 0},
	{"dnnl_stream_wait", &lib.stream_wait, 0},
	{"dnnl_stream_destroy", &lib.stream_destroy, 0},
	{"dnnl_memory_create", &lib.memory_create, 0},
	{"dnnl_memory_destroy", &lib.memory_destroy, 0},
	{"dnnl_primitive_create", &lib.primitive_create, 0},
	{"dnnl_primitive_execute", &lib.primitive_execute, 0},
	{"dnnl_primitive_destroy", &lib.primitive_destroy, 0},
	{"dnnl_primitive_desc_destroy", &lib.primitive_desc_destroy, 0},
	{"dnnl_memory_desc_init_by_strides", &lib.memory_desc_init, 2},
	{"dnnl_dilated_convolution_forward_desc_init", &lib.forward_init, 2},
	{"dnnl_dilated_convolution_backward_data_desc_init", &lib.data_init, 2},
	{"dnnl_dilated_convolution_backward_weights_desc_init", &lib.weights_init, 2},
	{"dnnl_primitive_desc_create", &lib.primitive_desc_create, 2},
	{"dnnl_memory_desc_create_with_strides", &lib.memory_desc_create, 3},
	{"dnnl_memory_desc_destroy", &lib.memory_desc_destroy, 3},
	{"dnnl_convolution_forward_primitive_desc_create", &lib.forward_create, 3},
	{"dnnl_convolution_backward_data_primitive_desc_create", &lib.data_create, 3},
	{"dnnl_convolution_backward_weights_primitive_desc_create", &lib.weights_create, 3},
};

static int find_functions(void *so, const char *name, int version, char *why, size_t size)
{
	for (size_t i = 0; i < sizeof(functions) / sizeof(*functions); i++) {
		void *at;

		if (functions[i].version && functions[i].version != version)
			continue;
		at = dlsym(so, functions[i].name);
		if (!at) {
			snprintf(why, size, "%s has no %s: it is not oneDNN %d", name,
				 functions[i].name, version);
			return -ENOSYS;
		}
		memcpy(functions[i].to, &at, sizeof(at));
	}
	return 0;
}

static int start(void *so, const char *name, int version, char *why, size_t size)
{
	int err = find_functions(so, name, version, why, size);

	if (err)
		return err;
	if (lib.engine_create(&lib.engine, CPU, 0)) {
		snprintf(why, size, "%s has no engine for this processor", name);
		return -ENOSYS;
	}
	lib.version = version;
	return 0;
}

/* What is loaded stays: threads of its OpenMP may run. */
static int load(char *why, size_t size)
{
	/* The last one is how Debian names 3.6 and what is compatible with it. */
	static const struct {
		const char *name;
		int version;
	} names[] = {{"libdnnl.so.2", 2}, {"libdnnl.so.3", 3}, {"libdnnl.so.3.6", 3}};
	bool there = false;

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		void *so = dlopen(names[i].name, RTLD_NOW | RTLD_LOCAL);
		const char *error;

		if (so)
			return start(so, names[i].name, names[i].version, why, size);
		error = dlerror();
		/* A library that is there and does not load is what to tell of. */
		if (error && !strstr(error, "No such file")) {
			snprintf(why, size, "oneDNN (package libdnnl2) cannot be loaded: %s", error);
			there = true;
		}
	}
	if (!there)
		snprintf(why, size, "oneDNN is not installed: apt-get install libdnnl2 (Debian 12; "
				    "libdnnl3.6 in later ones)");
	return -ENOSYS;
}

int dnnl__open(char *why, size_t size)
{
	int err = 0;

	if (size)
		why[0] = 0;
	pthread_mutex_lock(&lib.lock);
	if (!lib.version)
		err = load(why, size);
	pthread_mutex_unlock(&lib.lock);
	return err;
}

static int version(void)
{
	int v;

	pthread_mutex_lock(&lib.lock);
	v = lib.version;
	pthread_mutex_unlock(&lib.lock);
	return v;
}

/* ---- descriptions ---- */

static int describe(int v, struct memory_desc *m, int n, const int64_t *size)
{
	dims dense, sizes;
	int64_t stride = 1;

	for (int i = n - 1; i >= 0; i--) {
		sizes[i] = size[i];
		dense[i] = stride;
		stride *= size[i];
	}
	if (v == 3)
		return lib.memory_desc_create(&m->p, n, sizes, F32, dense);
	m->p = m->v2;
	return lib.memory_desc_init(m->p, n, sizes, F32, dense);
}

static void forget(int v, struct memory_desc *m)
{
	if (v == 3 && m->p)
		lib.memory_desc_destroy(m->p);
}

static int describe_all(int v, struct operation *o, const struct dnnl_problem *p)
{
	const int64_t in[] = {p->n, p->groups * p->c, p->h, p->w},
		      out[] = {p->n, p->groups * p->k, p->ho, p->wo};
	const int64_t wei[] = {p->groups, p->k, p->c, p->fy, p->fx};
	bool grouped = p->groups > 1;

	*o = (struct operation){
		.kind = p->kind, .strides = {p->sy, p->sx}, .dilates = {p->dy - 1, p->dx - 1}};
	return describe(v, &o->in, 4, in) || describe(v, &o->out, 4, out) ||
	       describe(v, &o->wei, grouped ? 5 : 4, wei + !grouped);
}

static int primitive_desc_v2(void **desc, const struct operation *o, enum conv_kind kind,
			     const void *hint)
{
	_Alignas(16) char op[V2_OPERATION_BYTES];
	int bad;

	if (kind == CONV_FORWARD)
		bad = lib.forward_init(op, FORWARD_TRAINING, CONV_DIRECT, o->in.p, o->wei.p, NULL,
				       o->out.p, o->strides, o->dilates, o->padding, o->padding);
	else if (kind == CONV_BACKWARD_DATA)
		bad = lib.data_init(op, CONV_DIRECT, o->in.p, o->wei.p, o->out.p, o->strides,
				    o->dilates, o->padding, o->padding);
	else
		bad = lib.weights_init(op, CONV_DIRECT, o->in.p, o->wei.p, NULL, o->out.p,
				       o->strides, o->dilates, o->padding, o->padding);
	return bad || lib.primitive_desc_create(desc, op, NULL, lib.engine, hint);
}

static int primitive_desc_v3(void **desc, const struct operation *o, enum conv_kind kind,
			     const void *hint)
{
	if (kind == CONV_FORWARD)
		return lib.forward_create(desc, lib.engine, FORWARD_TRAINING, CONV_DIRECT, o->in.p,
					  o->wei.p, NULL, o->out.p, o->strides, o->dilates,
					  o->padding, o->padding, NULL);
	if (kind == CONV_BACKWARD_DATA)
		return lib.data_create(desc, lib.engine, CONV_DIRECT, o->in.p, o->wei.p, o->out.p,
				       o->strides, o->dilates, o->padding, o->padding, hint, NULL);
	return lib.weights_create(desc, lib.engine, CONV_DIRECT, o->in.p, o->wei.p, NULL, o->out.p,
				  o->strides, o->dilates, o->padding, o->padding, hint, NULL);
}

/* A backward one wants to know the forward one it belongs to. */
static int primitive_desc(int v, void **desc, const struct operation *o)
{
	int (*const create)(void **, const struct operation *, enum conv_kind, const void *) =
		v == 3 ? primitive_desc_v3 : primitive_desc_v2;
	void *forward = NULL;
	int bad = create(&forward, o, CONV_FORWARD, NULL);

	if (bad)
		return bad;
	if (o->kind == CONV_FORWARD) {
		*desc = forward;
		return 0;
	}
	bad = create(desc, o, o->kind, forward);
	lib.primitive_desc_destroy(forward);
	return bad;
}

/* ---- a run ---- */

static int execute(const struct operation *o, void *primitive, const struct dnnl_problem *p)
{
	static const int args[][3] = {
		[CONV_FORWARD] = {ARG_SRC, ARG_WEIGHTS, ARG_DST},
		[CONV_BACKWARD_DATA] = {ARG_DIFF_SRC, ARG_WEIGHTS, ARG_DIFF_DST},
		[CONV_BACKWARD_WEIGHTS] = {ARG_SRC, ARG_DIFF_WEIGHTS, ARG_DIFF_DST},
	};
	const void *const descs[] = {o->in.p, o->wei.p, o->out.p};
	float *const at[] = {p->in, p->wei, p->out};
	struct exec_arg list[3] = {{0}};
	void *stream = NULL;
	int bad = lib.stream_create(&stream, lib.engine, IN_ORDER);

	for (int i = 0; i < 3 && !bad; i++) {
		list[i].arg = args[p->kind][i];
		bad = lib.memory_create(&list[i].memory, descs[i], lib.engine, at[i]);
	}
	bad = bad || lib.primitive_execute(primitive, stream, 3, list) || lib.stream_wait(stream);
	for (int i = 0; i < 3; i++)
		if (list[i].memory)
			lib.memory_destroy(list[i].memory);
	if (stream)
		lib.stream_destroy(stream);
	return bad;
}

int dnnl__run(const struct dnnl_problem *p)
{
	void *desc = NULL, *primitive = NULL;
	struct operation o;
	int v = version(), bad;

	if (!v)
		return -ENOSYS;
	bad = describe_all(v, &o, p) || primitive_desc(v, &desc, &o) ||
	      lib.primitive_create(&primitive, desc) || execute(&o, primitive, p);
	if (primitive)
		lib.primitive_destroy(primitive);
	if (desc)
		lib.primitive_desc_destroy(desc);
	forget(v, &o.in);
	forget(v, &o.wei);
	forget(v, &o.out);
	return bad ? -EIO : 0;
}

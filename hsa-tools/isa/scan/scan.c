// SPDX-License-Identifier: MIT
#include "scan.h"

#include "hazards.h"

#include "../elf.h"
#include "../metadata.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What was learned of one ISA. */
struct known {
	struct known *next;
	struct insns *insns;
	char isa[32];
};

struct scan {
	struct comgr *comgr;
	struct known *known;
	struct flow flow;
};

/* A text that lives as long as the result. */
struct text {
	struct text *next;
	char s[];
};

struct result {
	struct scan_object pub; /* first */
	struct text *texts;
	size_t space;
};

/* One object while it is read. */
struct job {
	struct scan *scan;
	const struct scan_options *o;
	struct object elf;
	struct result *r;
	struct insns *insns;
	/* the kernel at hand */
	struct scan_kernel *kernel;
	struct scan_site *sites;
	size_t num_sites, site_space;
	uint64_t kept[SCAN_NUM_HAZARDS];
	uint64_t unreported; /* bytes */
};

struct scan *scan__new(const char **why)
{
	struct scan *s = calloc(1, sizeof(*s));

	if (!s) {
		*why = "out of memory";
		return NULL;
	}
	s->comgr = comgr__open(why);
	if (!s->comgr) {
		free(s);
		return NULL;
	}
	return s;
}

static void forget(struct known **k)
{
	struct known *old = *k;

	*k = old->next;
	insns__free(old->insns);
	free(old);
}

void scan__comgr_version(const struct scan *s, size_t *major, size_t *minor)
{
	comgr__version(s->comgr, major, minor);
}

void scan__free(struct scan *s)
{
	if (!s)
		return;
	while (s->known)
		forget(&s->known);
	flow__free(&s->flow);
	comgr__close(s->comgr);
	free(s);
}

static struct insns *insns_of(struct scan *s, const char *isa)
{
	struct known **k = &s->known, *new;

	while (*k && strcmp((*k)->isa, isa))
		k = &(*k)->next;
	if (*k && !insns__full((*k)->insns))
		return (*k)->insns;
	if (*k)
		forget(k);
	new = calloc(1, sizeof(*new));
	if (!new)
		return NULL;
	new->insns = insns__new(s->comgr, isa);
	if (!new->insns) {
		free(new);
		return NULL;
	}
	strcpy(new->isa, isa);
	new->next = s->known;
	s->known = new;
	return new->insns;
}

/* ---- texts ---- */

static const char *keep(struct result *r, const char *s, size_t len)
{
	struct text *t = malloc(sizeof(*t) + len + 1);

	if (!t)
		return NULL;
	memcpy(t->s, s, len);
	t->s[len] = 0;
	t->next = r->texts;
	r->texts = t;
	return t->s;
}

static void free_site(const struct scan_site *s)
{
	free((void *)s->text);
	free((void *)s->from_text);
}

void scan_object__free(struct scan_object *object)
{
	struct result *r = (struct result *)object;

	if (!r)
		return;
	for (size_t i = 0; i < r->pub.num_kernels + r->pub.num_functions; i++) {
		for (size_t k = 0; k < r->pub.kernels[i].num_sites; k++)
			free_site(&r->pub.kernels[i].sites[k]);
		free((void *)r->pub.kernels[i].sites);
	}
	free(r->pub.kernels);
	while (r->texts) {
		struct text *t = r->texts;

		r->texts = t->next;
		free(t);
	}
	free(r);
}

/* The compiler's text of .comment, which has the linker's, too. */
static const char *compiler_of(struct job *j)
{
	const char *text = NULL, *best = "";
	size_t len = isa_elf_comment(j->elf.data, j->elf.len, &text), best_len = 0;

	while (len) {
		size_t n = strnlen(text, len);

		if (n && (!best_len || !strncmp(best, "Linker:", 7)) && strncmp(text, "Linker:", 7)) {
			best = text;
			best_len = n;
		}
		text += n < len ? n + 1 : n;
		len -= n < len ? n + 1 : n;
	}
	return keep(j->r, best, best_len);
}

/* ---- kernels ---- */

/* The kernel descriptor (AMDGPUUsage.html, "Kernel Descriptor"): bytes of what is read of its 64. */
enum {
	KD_LDS = 0,
	KD_SCRATCH = 4,
	KD_KERNARG = 8,
	KD_ENTRY = 16,
	KD_RSRC1 = 48,
	KD_PROPERTIES = 56,
	KD_SIZE = 64,
	KD_WGP_BIT = 29,   /* of RSRC1 */
	KD_WAVE32_BIT = 10, /* of the properties */
	STT_KERNEL_V2 = 10, /* STT_AMDGPU_HSA_KERNEL: amd_kernel_code_t, whose entry is at 16, too */
};

static struct scan_kernel *new_kernel(struct result *r)
{
	size_t num = r->pub.num_kernels + r->pub.num_functions;

	if (num == r->space) {
		size_t space = r->space ? r->space * 2 : 16;
		struct scan_kernel *k = realloc(r->pub.kernels, space * sizeof(*k));

		if (!k)
			return NULL;
		r->pub.kernels = k;
		r->space = space;
	}
	r->pub.kernels[num] = (struct scan_kernel){.wavefront_size = 32};
	return &r->pub.kernels[num];
}

static bool is_descriptor(const struct symbol *s)
{
	size_t len = strlen(s->name);

	return s->type == STT_KERNEL_V2 || (s->type != STT_FUNC && len > 3 && !strcmp(s->name + len - 3, ".kd"));
}

static uint32_t u32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static void read_descriptor(const struct symbol *s, const uint8_t *kd, struct scan_kernel *k)
{
	uint64_t entry;
	uint32_t rsrc1;

	memcpy(&entry, kd + KD_ENTRY, sizeof(entry));
	k->entry_va = s->va + entry;
	if (s->type == STT_KERNEL_V2)
		return;
	k->lds_bytes = u32(kd + KD_LDS);
	k->scratch_bytes = u32(kd + KD_SCRATCH);
	k->kernarg_bytes = u32(kd + KD_KERNARG);
	rsrc1 = u32(kd + KD_RSRC1);
	k->wgp_mode = rsrc1 >> KD_WGP_BIT & 1;
	k->wavefront_size = u32(kd + KD_PROPERTIES) >> KD_WAVE32_BIT & 1 ? 32 : 64;
	k->vgprs = ((rsrc1 & 0x3f) + 1) * (k->wavefront_size == 32 ? 8 : 4);
}

static int add_kernel(struct job *j, const struct symbol *s)
{
	const uint8_t *kd = object__at(&j->elf, s->va, KD_SIZE);
	struct scan_kernel *k = new_kernel(j->r);
	size_t len = strlen(s->name);

	if (!k)
		return -ENOMEM;
	k->name = keep(j->r, s->name, s->type == STT_KERNEL_V2 ? len : len - 3);
	if (!k->name)
		return -ENOMEM;
	k->descriptor_va = s->va;
	k->no_code = true;
	if (kd)
		read_descriptor(s, kd, k);
	j->r->pub.num_kernels++;
	return 0;
}

static int add_function(struct job *j, const char *name, uint64_t va)
{
	struct scan_kernel *k = new_kernel(j->r);

	if (!k)
		return -ENOMEM;
	k->name = keep(j->r, name, strlen(name));
	if (!k->name)
		return -ENOMEM;
	k->is_function = true;
	k->entry_va = va;
	k->no_code = true;
	/* Functions are for the waves of the kernels beside them. */
	k->wavefront_size = j->r->pub.num_kernels ? j->r->pub.kernels[0].wavefront_size : 32;
	k->wgp_mode = !j->r->pub.num_kernels || j->r->pub.kernels[0].wgp_mode;
	j->r->pub.num_functions++;
	return 0;
}

static int by_entry(const void *a, const void *b)
{
	const struct scan_kernel *p = a, *q = b;

	return p->is_function != q->is_function ? p->is_function - q->is_function :
	       p->entry_va != q->entry_va	? (p->entry_va > q->entry_va) - (p->entry_va < q->entry_va) :
						  strcmp(p->name, q->name);
}

static void take_metadata(const struct isa_kernel *m, struct scan_kernel *k)
{
	k->sgprs = m->sgprs;
	k->vgprs = m->vgprs ? m->vgprs : k->vgprs;
	k->sgpr_spills = m->sgpr_spills;
	k->vgpr_spills = m->vgpr_spills;
}

struct name_of {
	const char *name;
	struct scan_kernel *kernel;
};

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct name_of *)a)->name, ((const struct name_of *)b)->name);
}

static struct scan_kernel *kernel_named(struct name_of *names, size_t num, const struct isa_text *symbol)
{
	size_t low = 0, high = symbol->len > 3 ? num : 0;
	const uint32_t want = symbol->len - 3; /* without ".kd" */

	while (low < high) {
		size_t mid = (low + high) / 2;
		size_t len = strlen(names[mid].name);
		int order = strncmp(names[mid].name, symbol->s, want);

		if (!order)
			order = len > want;
		if (!order)
			return names[mid].kernel;
		if (order < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

static int read_metadata(struct job *j)
{
	struct scan_object *pub = &j->r->pub;
	struct name_of *names = calloc(pub->num_kernels + 1, sizeof(*names));
	struct isa_metadata md;
	struct isa_kernel m;

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < pub->num_kernels; i++)
		names[i] = (struct name_of){.name = pub->kernels[i].name, .kernel = &pub->kernels[i]};
	qsort(names, pub->num_kernels, sizeof(*names), by_name);
	pub->target = "";
	for (bool more = isa_metadata__find(j->elf.data, j->elf.len, &md); more; more = isa_metadata__more(&md)) {
		struct isa_metadata left = md;

		if (!*pub->target && md.target.len)
			pub->target = keep(j->r, md.target.s, md.target.len);
		if (!pub->version[0])
			memcpy(pub->version, md.version, sizeof(pub->version));
		while (isa_metadata__next(&left, &m)) {
			struct scan_kernel *k = kernel_named(names, pub->num_kernels, &m.symbol);

			if (k)
				take_metadata(&m, k);
		}
		if (!pub->target)
			break;
	}
	free(names);
	return pub->target ? 0 : -ENOMEM;
}

static bool is_entry(const struct scan_object *o, uint64_t va)
{
	size_t low = 0, high = o->num_kernels;

	while (low < high) {
		size_t mid = (low + high) / 2;

		if (o->kernels[mid].entry_va == va)
			return true;
		if (o->kernels[mid].entry_va < va)
			low = mid + 1;
		else
			high = mid;
	}
	return false;
}

/* Several names of one function are one. */
static void drop_doubles(struct scan_object *o)
{
	struct scan_kernel *f = o->kernels + o->num_kernels;
	size_t num = 0;

	for (size_t i = 0; i < o->num_functions; i++)
		if (!num || f[num - 1].entry_va != f[i].entry_va)
			f[num++] = f[i];
	o->num_functions = num;
}

/* Kernels by their descriptors; the size of a function's symbol may be 0, and it may be missing. */
static int find_kernels(struct job *j)
{
	struct scan_object *pub = &j->r->pub;
	int err = 0;

	for (size_t i = 0; !err && i < j->elf.num_symbols; i++)
		if (is_descriptor(&j->elf.symbols[i]))
			err = add_kernel(j, &j->elf.symbols[i]);
	if (err)
		return err;
	if (pub->num_kernels)
		qsort(pub->kernels, pub->num_kernels, sizeof(*pub->kernels), by_entry);
	err = read_metadata(j);
	for (size_t i = 0; !err && i < j->elf.num_symbols; i++) {
		const struct symbol *s = &j->elf.symbols[i];

		if (s->type == STT_FUNC && !is_entry(pub, s->va) && object__code(&j->elf, s->va))
			err = add_function(j, s->name, s->va);
	}
	if (!err && pub->num_functions) {
		qsort(pub->kernels + pub->num_kernels, pub->num_functions, sizeof(*pub->kernels), by_entry);
		drop_doubles(pub);
	}
	return err;
}

/* ---- one kernel ---- */

static char *site_text(struct job *j, const struct place *p)
{
	char text[COMGR_TEXT];
	size_t len;
	const uint8_t *code = flow_bytes(&j->scan->flow, p, &len);

	insns__text(j->insns, code, len, j->scan->flow.wave64, text);
	return strdup(text);
}

static bool add_site(void *ctx, enum scan_hazard hazard, const struct place *at, const struct place *from)
{
	struct job *j = ctx;
	struct scan_site *s;

	j->kernel->counts.hazard[hazard]++;
	if (j->kept[hazard] >= j->o->max_sites)
		return true;
	j->kept[hazard]++;
	if (j->num_sites == j->site_space) {
		size_t space = j->site_space ? j->site_space * 2 : 32;
		struct scan_site *more = realloc(j->sites, space * sizeof(*more));

		if (!more)
			return false;
		j->sites = more;
		j->site_space = space;
	}
	s = &j->sites[j->num_sites];
	*s = (struct scan_site){.hazard = hazard, .va = flow_va(&j->scan->flow, at), .text = site_text(j, at)};
	if (from) {
		s->from_va = flow_va(&j->scan->flow, from);
		s->from_text = site_text(j, from);
	}
	j->num_sites++; /* its texts are freed with it, also where one is missing */
	return s->text && (!from || s->from_text);
}

static int by_va(const void *a, const void *b)
{
	const struct scan_site *p = a, *q = b;

	return p->va != q->va ? (p->va > q->va) - (p->va < q->va) : (int)p->hazard - (int)q->hazard;
}

static void count(const struct flow *f, struct scan_counts *c)
{
	for (uint32_t i = 0; i < f->num; i++) {
		const struct insn *in = f->places[i].insn;

		c->family[in->family]++;
		c->insns += !(in->flags & INSN_UNDECODED);
		c->bytes += in->size;
		c->memory += !!(in->flags & INSN_MEMORY);
		c->glc += !!(in->flags & INSN_GLC);
		c->dlc += !!(in->flags & INSN_DLC);
		c->slc += !!(in->flags & INSN_SLC);
		c->v_cmpx += !!(in->flags & INSN_CMPX);
		c->inst_prefetch += !!(in->flags & INSN_PREFETCH);
	}
	c->indirect = f->indirect;
}

static void report_progress(struct job *j, uint64_t bytes, uint64_t least)
{
	j->unreported += bytes;
	if (!j->o->progress || j->unreported < least || !j->unreported)
		return;
	j->o->progress(j->o->ctx, j->unreported);
	j->unreported = 0;
}

/* Where, in dwords of its code, the first kernel or function behind this one begins. */
static uint32_t next_entry(const struct scan_object *o, const struct code *code, uint64_t va)
{
	uint64_t next = code->va + code->size;

	for (int part = 0; part < 2; part++) {
		const struct scan_kernel *k = o->kernels + (part ? o->num_kernels : 0);
		size_t low = 0, high = part ? o->num_functions : o->num_kernels, num = high;

		while (low < high) {
			size_t mid = (low + high) / 2;

			if (k[mid].entry_va <= va)
				low = mid + 1;
			else
				high = mid;
		}
		if (low < num && k[low].entry_va < next)
			next = k[low].entry_va;
	}
	return (uint32_t)((next - code->va) / 4);
}

static int scan_code(struct job *j, struct scan_kernel *k)
{
	const struct code *code = object__code(&j->elf, k->entry_va);
	struct flow *f = &j->scan->flow;
	int err;

	if (!code || (k->entry_va - code->va) % 4 || (k->entry_va - code->va) / 4 >= UINT32_MAX / 8)
		return 0;
	k->no_code = false;
	f->wave64 = k->wavefront_size == 64;
	err = flow__build(f, j->insns, code, (uint32_t)((k->entry_va - code->va) / 4),
			  next_entry(&j->r->pub, code, k->entry_va));
	if (err)
		return err;
	count(f, &k->counts);
	report_progress(j, k->counts.bytes, 1 << 16);
	if (!j->r->pub.gfx10)
		return 0;
	if (!hazards__recognize(f, j->o->llvm, add_site, j) || !hazards__select(f, k->wgp_mode, add_site, j))
		return -ENOMEM;
	k->counts.cut = f->cut;
	return 0;
}

static int scan_kernel(struct job *j, struct scan_kernel *k)
{
	int err;

	j->kernel = k;
	j->sites = NULL;
	j->num_sites = j->site_space = 0;
	memset(j->kept, 0, sizeof(j->kept));
	err = scan_code(j, k);
	if (j->num_sites)
		qsort(j->sites, j->num_sites, sizeof(*j->sites), by_va);
	k->sites = j->sites;
	k->num_sites = j->num_sites;
	return err;
}

static void add_counts(struct scan_counts *to, const struct scan_counts *c)
{
	const uint64_t *from = (const uint64_t *)c;

	/* It is all uint64_t. */
	for (size_t i = 0; i < sizeof(*c) / sizeof(uint64_t); i++)
		((uint64_t *)to)[i] += from[i];
}

/* ---- one object ---- */

static int scan_all(struct job *j)
{
	struct scan_object *pub = &j->r->pub;
	int err;

	pub->compiler = compiler_of(j);
	if (!pub->compiler)
		return -ENOMEM;
	for (size_t i = 0; i < j->elf.num_code; i++)
		pub->code_bytes += j->elf.code[i].size;
	err = find_kernels(j);
	for (size_t i = 0; !err && i < pub->num_kernels + pub->num_functions; i++) {
		err = scan_kernel(j, &pub->kernels[i]);
		add_counts(&pub->total, &pub->kernels[i].counts);
	}
	report_progress(j, 0, 0);
	return err;
}

static bool starts(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static int name_isa(struct job *j)
{
	const char *name = scan_isa_name(j->elf.e_flags);
	struct scan_object *pub = &j->r->pub;

	pub->e_flags = j->elf.e_flags;
	if (!name) {
		snprintf(pub->isa, sizeof(pub->isa), "EF_AMDGPU_MACH 0x%02x", j->elf.e_flags & 0xff);
		return -ENOTSUP;
	}
	strcpy(pub->isa, name);
	pub->native = starts(name, "gfx101") || starts(name, "gfx10-1");
	pub->gfx10 = pub->native || starts(name, "gfx103") || starts(name, "gfx10-3");
	j->insns = insns_of(j->scan, name);
	return j->insns ? 0 : -ENOTSUP;
}

int scan__object(struct scan *s, const void *data, size_t len, const struct scan_options *o,
		 struct scan_object **result)
{
	struct job j = {.scan = s, .o = o};
	int err = object__open(&j.elf, data, len);

	if (err)
		return err;
	j.r = calloc(1, sizeof(*j.r));
	err = j.r ? name_isa(&j) : -ENOMEM;
	if (!err)
		err = scan_all(&j);
	object__close(&j.elf);
	if (err) {
		scan_object__free(j.r ? &j.r->pub : NULL);
		return err;
	}
	*result = &j.r->pub;
	return 0;
}

// SPDX-License-Identifier: MIT
#include "api_calls.h"
#include "../base/buf.h"
#include "rdna1.skel.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

/* linux/bpf.h of Linux 6.6: one link for many probes, which is taken away at once. */
enum { LINK_CREATE = 28, UPROBE_MULTI = 48, UPROBE_MULTI_RETURN = 1 };

static const struct call {
	const char *symbol;
	enum hook hook;
	struct api_row row;
} calls[API_ROWS] = {
#define API_CALL(nr, library, symbol_, num, args_)                                                 \
	[nr] = {.symbol = #symbol_, .hook = HOOK_##library, .row = {.num_args = num, .copy = {
#define API_COPY(slot, arg_, count_, elem_, how)                                                   \
	[slot] = {.arg = (arg_) + 1, .count = (count_) + 1, .elem = elem_},
#define API_END()                                                                                  \
	}                                                                                          \
	}                                                                                          \
	}                                                                                          \
	,
#include "../../bpf/api_calls.def"
};

static const struct {
	enum hook hook;
	const char *prefix;
} libraries[] = {
#define HOOK_API(id, group, library, text) {HOOK_##id, #library},
#include "../../bpf/hooks.def"
};
_Static_assert(ARRAY_SIZE(libraries) <= LIBRARY_PREFIXES, "LIBRARY_PREFIXES");

struct api_calls {
	struct programs *p;
	bool multi;
	VEC(char *) known; /* "08:01 1234": device and inode */
	VEC(int) multi_links;
	VEC(struct bpf_link *) links;
	unsigned int count[NUM_HOOKS];
};

bool api_calls__is_hook(enum hook h)
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (libraries[i].hook == h)
			return true;
	return false;
}

static struct bpf_program *program_of(const struct rdna1_bpf *s, enum hook h, bool at_return)
{
	char name[64];

#define HOOK_API(id, group, library, text)                                                         \
	if (h == HOOK_##id)                                                                        \
		snprintf(name, sizeof(name), "%s_" #id, at_return ? "uretprobe" : "uprobe");
#include "../../bpf/hooks.def"
	return bpf_object__find_program_by_name(s->obj, name);
}

void api_calls__prepare(struct rdna1_bpf *s, const struct hook_plan plans[NUM_HOOKS])
{
	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++) {
		struct library_prefix *x = (struct library_prefix *)&s->rodata->libraries[i];
		size_t len = strlen(libraries[i].prefix);

		if (!plans[libraries[i].hook].needed)
			continue;
		/* The program reads one character less, and a 0. */
		if (len > sizeof(x->word) - 1)
			len = sizeof(x->word) - 1;
		memcpy(x->word, libraries[i].prefix, len);
		memset(x->mask, 0xff, len);
		/* Kernels before 6.6 do not look at it. */
		for (int at_return = 0; at_return < 2; at_return++)
			bpf_program__set_expected_attach_type(
				program_of(s, libraries[i].hook, at_return),
				(enum bpf_attach_type)UPROBE_MULTI);
	}
}

int api_calls__fill(struct rdna1_bpf *s)
{
	int err = 0;

	for (uint32_t nr = 0; nr < API_ROWS && !err; nr++)
		if (calls[nr].symbol)
			err = bpf_map__update_elem(s->maps.api_rows, &nr, sizeof(nr),
						   &calls[nr].row, sizeof(calls[nr].row), BPF_ANY);
	return err;
}

/* ---- where a file has the calls ---- */

struct spot {
	uint64_t offset; /* in the file */
	uint64_t call;	 /* the cookie */
};
struct spots {
	VEC(struct spot) list;
};

/* "hipMalloc", and of C++ "_Z24hipExtModuleLaunchKernelP18..." */
static bool is_symbol(const char *name, const char *wanted)
{
	size_t len = strlen(wanted);
	char *end;

	if (strncmp(name, "_Z", 2))
		return !strcmp(name, wanted);
	return strtoul(name + 2, &end, 10) == len && !strncmp(end, wanted, len);
}

static void add_spot(struct spots *s, uint64_t offset, uint64_t call)
{
	for (size_t i = 0; i < s->list.n; i++)
		if (s->list.v[i].offset == offset && s->list.v[i].call == call)
			return; /* another version of the symbol */
	*VEC_PUSH(&s->list) = (struct spot){.offset = offset, .call = call};
}

static uint64_t file_offset(Elf *elf, uint64_t addr)
{
	size_t n = 0;
	GElf_Phdr ph;

	elf_getphdrnum(elf, &n);
	for (size_t i = 0; i < n; i++)
		if (gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD && (ph.p_flags & PF_X) &&
		    addr - ph.p_vaddr < ph.p_filesz)
			return addr - ph.p_vaddr + ph.p_offset;
	return 0;
}

static void read_table(Elf *elf, Elf_Scn *section, const GElf_Shdr *sh, enum hook hook,
		       struct spots *spots)
{
	Elf_Data *data = elf_getdata(section, NULL);
	GElf_Sym sym;

	for (int i = 0; data && gelf_getsym(data, i, &sym); i++) {
		const char *name = elf_strptr(elf, sh->sh_link, sym.st_name);
		uint64_t offset;

		if (!name || GELF_ST_TYPE(sym.st_info) != STT_FUNC || !sym.st_value)
			continue;
		for (unsigned int nr = 0; nr < API_ROWS; nr++) {
			if (!calls[nr].symbol || calls[nr].hook != hook ||
			    !is_symbol(name, calls[nr].symbol))
				continue;
			offset = file_offset(elf, sym.st_value);
			if (offset)
				add_spot(spots, offset, nr);
		}
	}
}

/* The dynamic symbols; those of a debugger only where the others say nothing. */
static int find_spots(int fd, enum hook hook, struct spots *spots)
{
	static const unsigned int types[] = {SHT_DYNSYM, SHT_SYMTAB};
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ_MMAP, NULL);
	if (!elf || gelf_getclass(elf) != ELFCLASS64) {
		elf_end(elf);
		return -ENOEXEC;
	}
	for (size_t t = 0; t < ARRAY_SIZE(types) && !spots->list.n; t++) {
		Elf_Scn *section = NULL;
		GElf_Shdr sh;

		while ((section = elf_nextscn(elf, section)))
			if (gelf_getshdr(section, &sh) && sh.sh_type == types[t])
				read_table(elf, section, &sh, hook, spots);
	}
	elf_end(elf);
	return spots->list.n ? 0 : -ENOENT;
}

/* ---- attaching ---- */

static int multi_link(int prog_fd, const char *path, const struct spot *v, size_t n, bool at_return)
{
	struct {
		uint32_t prog_fd, target_fd, attach_type, flags;
		uint64_t path, offsets, ref_ctr_offsets, cookies;
		uint32_t cnt, multi_flags, pid, pad;
	} attr = {.prog_fd = (uint32_t)prog_fd, .attach_type = UPROBE_MULTI, .cnt = (uint32_t)n};
	uint64_t *offsets = xcalloc(2 * n, sizeof(*offsets));
	int fd;

	for (size_t i = 0; i < n; i++) {
		offsets[i] = v[i].offset;
		offsets[n + i] = v[i].call;
	}
	attr.path = (uintptr_t)path;
	attr.offsets = (uintptr_t)offsets;
	attr.cookies = (uintptr_t)(offsets + n);
	attr.multi_flags = at_return ? UPROBE_MULTI_RETURN : 0;
	fd = (int)syscall(SYS_bpf, LINK_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		fd = -errno;
	free(offsets);
	return fd;
}

/* The kernel says EBADF of a file that is none, where it knows such links. */
static bool knows_multi(const struct programs *p)
{
	const struct spot any = {.offset = 1};

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (p->on[libraries[i].hook])
			return multi_link(bpf_program__fd(
						  program_of(p->skel, libraries[i].hook, false)),
					  "/", &any, 1, false) == -EBADF;
	return false;
}

static int attach_multi(struct api_calls *a, enum hook h, const char *path, const struct spot *v,
			size_t n)
{
	int fds[2];

	/* The return first: what begins between the two is recorded whole or not at all. */
	for (int i = 0; i < 2; i++) {
		fds[i] = multi_link(bpf_program__fd(program_of(a->p->skel, h, !i)), path, v, n, !i);
		if (fds[i] < 0) {
			if (i)
				close(fds[0]);
			return fds[i];
		}
	}
	*VEC_PUSH(&a->multi_links) = fds[0];
	*VEC_PUSH(&a->multi_links) = fds[1];
	return 0;
}

static int attach_perf(struct api_calls *a, enum hook h, const char *path, const struct spot *v)
{
	struct bpf_link *links[2];

	for (int i = 0; i < 2; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = !i, .bpf_cookie = v->call);

		links[i] = bpf_program__attach_uprobe_opts(program_of(a->p->skel, h, !i), -1, path,
							   v->offset, &opts);
		if (!links[i]) {
			int err = -errno;

			if (i)
				bpf_link__destroy(links[0]);
			return err;
		}
	}
	*VEC_PUSH(&a->links) = links[0];
	*VEC_PUSH(&a->links) = links[1];
	return 0;
}

/* How many, or negative errno when none. */
static int attach_spots(struct api_calls *a, enum hook h, const char *path, const struct spots *s)
{
	int err = -ESRCH, n = 0;

	/* ESRCH: one of the processes that have it was about to end. */
	for (int i = 0; i < 3 && err == -ESRCH; i++)
		err = a->multi ? attach_multi(a, h, path, s->list.v, s->list.n) : -ENOTSUP;
	if (!err)
		return (int)s->list.n;
	/* One that cannot be probed must not keep the others out. */
	for (size_t i = 0; i < s->list.n; i++) {
		err = a->multi ? attach_multi(a, h, path, &s->list.v[i], 1)
			       : attach_perf(a, h, path, &s->list.v[i]);
		n += !err;
	}
	return n ? n : err;
}

/* ---- which files ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_known(const struct api_calls *a, const char *id)
{
	for (size_t i = 0; i < a->known.n; i++)
		if (!strcmp(a->known.v[i], id))
			return true;
	return false;
}

bool api_calls__is_library(const struct api_calls *a, const char *path)
{
	const char *name = base_name(path);

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (a->p->on[libraries[i].hook] &&
		    !strncmp(name, libraries[i].prefix, strlen(libraries[i].prefix)))
			return true;
	return false;
}

/* By its mapping, which is there whatever became of the file; else as the process sees it. */
static int open_mapped(uint32_t pid, const char *range, const char *path)
{
	char *by_range = xasprintf("/proc/%u/map_files/%s", pid, range);
	char *by_path = xasprintf("/proc/%u/root%s", pid, path);
	int fd = open(by_range, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		fd = open(by_path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = -errno;
	free(by_range);
	free(by_path);
	return fd;
}

struct mapping {
	uint64_t start, end;
	char range[40], id[48], path[3072];
};

/* "7f0000000000-7f0000001000 r-xp 00000000 08:01 1234    /usr/lib/libamdhip64.so.5" */
static bool parse_mapping(const char *line, struct mapping *m)
{
	char perms[8], dev[16];
	unsigned long inode;
	int at = 0;

	if (sscanf(line, "%39s %7s %*s %15s %lu %n", m->range, perms, dev, &inode, &at) != 4 ||
	    !at || perms[2] != 'x' || line[at] != '/' ||
	    sscanf(m->range, "%" SCNx64 "-%" SCNx64, &m->start, &m->end) != 2)
		return false;
	snprintf(m->id, sizeof(m->id), "%s %lu", dev, inode);
	snprintf(m->path, sizeof(m->path), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return true;
}

/* False when the process has ended: the next that maps the file will do. */
static bool attach_file(struct api_calls *a, uint32_t pid, const struct mapping *m, enum hook h,
			void (*found)(const struct api_library *lib, void *arg), void *arg)
{
	struct api_library lib = {.path = m->path, .hook = h};
	struct spots spots = {0};
	int fd = open_mapped(pid, m->range, m->path), n;
	char path[32];

	if (fd == -ENOENT || fd == -ESRCH)
		return false;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	*VEC_PUSH(&a->known) = xstrdup(m->id);
	n = fd < 0 ? fd : find_spots(fd, h, &spots);
	if (!n)
		n = attach_spots(a, h, path, &spots);
	if (fd >= 0)
		close(fd);
	if (n > 0) {
		lib.calls = (unsigned int)n;
		a->count[h] += lib.calls;
	} else {
		lib.error = n;
	}
	found(&lib, arg);
	free(spots.list.v);
	return true;
}

bool api_calls__attach(struct api_calls *a, uint32_t pid, uint64_t addr,
		       void (*found)(const struct api_library *lib, void *arg), void *arg)
{
	char *maps = xasprintf("/proc/%u/maps", pid), *line = NULL;
	FILE *f = fopen(maps, "re");
	struct mapping m;
	size_t room = 0;
	bool there = false;

	while (f && getline(&line, &room, f) > 0) {
		if (!parse_mapping(line, &m) || (addr && addr - m.start >= m.end - m.start))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
			if (a->p->on[libraries[i].hook] &&
			    !strncmp(base_name(m.path), libraries[i].prefix,
				     strlen(libraries[i].prefix)))
				there = is_known(a, m.id) ||
					attach_file(a, pid, &m, libraries[i].hook, found, arg);
	}
	free(line);
	free(maps);
	if (f)
		fclose(f);
	return there;
}

void api_calls__write_open(struct stream *s, const struct api_key *key, const struct api_flight *f)
{
	uint64_t dt = stream__now() - f->ts;
	struct ev_api_call e = {.pid = f->pid,
				.begin_dt = dt > UINT32_MAX ? UINT32_MAX : (uint32_t)dt,
				.call = (uint16_t)key->call};
	uint16_t len = (uint16_t)(calls[key->call % API_ROWS].row.num_args * 8);
	uint8_t *at = stream__reserve(s, EV_api_call, sizeof(e) + 8u + len, f->tid, 0);

	if (!at)
		return;
	memcpy(at, &e, sizeof(e));
	at = stream__put_bytes(at + sizeof(e), (const uint8_t *)f->args, len);
	for (unsigned int i = 0; i < API_COPIES; i++)
		at = stream__put_bytes(at, NULL, 0);
	stream__commit(s);
}

unsigned int api_calls__count(const struct api_calls *a, enum hook h)
{
	return a ? a->count[h] : 0;
}

struct api_calls *api_calls__new(struct programs *p)
{
	struct api_calls *a = xcalloc(1, sizeof(*a));

	a->p = p;
	a->multi = knows_multi(p);
	return a;
}

void api_calls__stop(struct api_calls *a)
{
	if (!a)
		return;
	for (size_t i = a->multi_links.n; i-- > 0;)
		close(a->multi_links.v[i]);
	for (size_t i = a->links.n; i-- > 0;)
		bpf_link__destroy(a->links.v[i]);
	a->multi_links.n = a->links.n = 0;
}

void api_calls__free(struct api_calls *a)
{
	if (!a)
		return;
	api_calls__stop(a);
	for (size_t i = 0; i < a->known.n; i++)
		free(a->known.v[i]);
	free(a->known.v);
	free(a->multi_links.v);
	free(a->links.v);
	free(a);
}

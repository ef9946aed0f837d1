// SPDX-License-Identifier: MIT
#include "api_calls.h"
#include "proc.h"
#include "../base/buf.h"
#include "rdna1.skel.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
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

/* A file that was looked at. Its inode may be another's later; what changed is looked at again. */
struct known {
	uint64_t dev, ino, changed_ns;
	int error; /* what did not work may work later: it is tried again, and told once */
};

struct api_calls {
	struct programs *p;
	bool multi;
	VEC(struct known) known;
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

/* What a file may ask of us: some are made by others, and large ones have a hundredth of this. */
enum { SECTIONS_MAX = 4096, SEGMENTS_MAX = 128, SPOTS_PER_CALL = 4 };
#define SYMBOLS_BYTES_MAX (sizeof(Elf64_Sym) << 20)
#define NAMES_BYTES_MAX (64u << 20)

/* "hipMalloc", and of C++ "_Z24hipExtModuleLaunchKernelP18..."; room: bytes that can be read of name. */
static bool is_symbol(const char *name, size_t room, const char *wanted)
{
	size_t len = strlen(wanted), n = 0;

	if (room <= len)
		return false;
	if (name[0] != '_' || name[1] != 'Z')
		return !memcmp(name, wanted, len + 1);
	name += 2;
	room -= 2;
	for (; room && isdigit((unsigned char)*name) && n < 1000; name++, room--)
		n = n * 10 + (size_t)(*name - '0');
	return n == len && room >= len && !memcmp(name, wanted, len);
}

static void add_spot(struct spots *s, uint64_t offset, uint64_t call)
{
	unsigned int same = 0;

	for (size_t i = 0; i < s->list.n; i++) {
		if (s->list.v[i].call != call)
			continue;
		if (s->list.v[i].offset == offset || ++same == SPOTS_PER_CALL)
			return; /* another version of the symbol */
	}
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

/* The bytes of a section as they are; NULL when they are not there, or too many. */
static const Elf_Data *bytes_of(Elf_Scn *section, size_t max)
{
	GElf_Shdr sh;

	return section && gelf_getshdr(section, &sh) && sh.sh_type != SHT_NOBITS && sh.sh_size <= max
		       ? elf_rawdata(section, NULL)
		       : NULL;
}

static void read_table(Elf *elf, Elf_Scn *section, size_t names_at, enum hook hook,
		       struct spots *spots)
{
	const Elf_Data *symbols = bytes_of(section, SYMBOLS_BYTES_MAX),
		       *names = bytes_of(elf_getscn(elf, names_at), NAMES_BYTES_MAX);
	Elf64_Sym sym;

	if (!symbols || !names || !symbols->d_buf || !names->d_buf)
		return;
	for (size_t at = 0; at + sizeof(sym) <= symbols->d_size; at += sizeof(sym)) {
		memcpy(&sym, (const char *)symbols->d_buf + at, sizeof(sym));
		if (ELF64_ST_TYPE(sym.st_info) != STT_FUNC || !sym.st_value ||
		    sym.st_name >= names->d_size)
			continue;
		for (unsigned int nr = 0; nr < API_ROWS; nr++) {
			uint64_t offset;

			if (!calls[nr].symbol || calls[nr].hook != hook ||
			    !is_symbol((const char *)names->d_buf + sym.st_name,
				       names->d_size - sym.st_name, calls[nr].symbol))
				continue;
			offset = file_offset(elf, sym.st_value);
			if (offset)
				add_spot(spots, offset, nr);
		}
	}
}

/*
 * The dynamic symbols; those of a debugger only where the others say nothing. Read, not mapped: who
 * owns the file may make it shorter meanwhile.
 */
static int find_spots(int fd, enum hook hook, struct spots *spots)
{
	static const unsigned int types[] = {SHT_DYNSYM, SHT_SYMTAB};
	size_t sections = 0, segments = 0;
	const char *ident;
	Elf *elf;

	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	ident = elf ? elf_getident(elf, NULL) : NULL;
	if (!ident || elf_kind(elf) != ELF_K_ELF || gelf_getclass(elf) != ELFCLASS64 ||
	    ident[EI_DATA] != ELFDATA2LSB || elf_getshdrnum(elf, &sections) ||
	    elf_getphdrnum(elf, &segments) || sections > SECTIONS_MAX || segments > SEGMENTS_MAX) {
		elf_end(elf);
		return -ENOEXEC;
	}
	for (size_t t = 0; t < ARRAY_SIZE(types) && !spots->list.n; t++) {
		Elf_Scn *section = NULL;
		GElf_Shdr sh;

		while ((section = elf_nextscn(elf, section)))
			if (gelf_getshdr(section, &sh) && sh.sh_type == types[t]) {
				read_table(elf, section, sh.sh_link, hook, spots);
				break;
			}
	}
	elf_end(elf);
	return spots->list.n ? 0 : -ENOENT;
}

/* ---- attaching ---- */

/* What probes are put to. */
struct target {
	const char *path;
	uint32_t number; /* for their cookies */
	enum hook hook;
};

static int multi_link(int prog_fd, const struct target *t, const struct spot *v, size_t n, bool at_return)
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
		offsets[n + i] = API_COOKIE(t->number, v[i].call);
	}
	attr.path = (uintptr_t)t->path;
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
	const struct target root = {.path = "/"};
	const struct spot any = {.offset = 1};

	for (size_t i = 0; i < ARRAY_SIZE(libraries); i++)
		if (p->on[libraries[i].hook])
			return multi_link(bpf_program__fd(
						  program_of(p->skel, libraries[i].hook, false)),
					  &root, &any, 1, false) == -EBADF;
	return false;
}

static int attach_multi(struct api_calls *a, const struct target *t, const struct spot *v, size_t n)
{
	int fds[2];

	/* The return first: what begins between the two is recorded whole or not at all. */
	for (int i = 0; i < 2; i++) {
		fds[i] = multi_link(bpf_program__fd(program_of(a->p->skel, t->hook, !i)), t, v, n, !i);
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

static int attach_perf(struct api_calls *a, const struct target *t, const struct spot *v)
{
	struct bpf_link *links[2];

	for (int i = 0; i < 2; i++) {
		LIBBPF_OPTS(bpf_uprobe_opts, opts, .retprobe = !i,
			    .bpf_cookie = API_COOKIE(t->number, v->call));

		links[i] = bpf_program__attach_uprobe_opts(program_of(a->p->skel, t->hook, !i), -1,
							   t->path, v->offset, &opts);
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

/* How many, or negative errno when none; *error: of those that could not be. */
static int attach_spots(struct api_calls *a, const struct target *t, const struct spots *s, int *error)
{
	int err = -ESRCH, n = 0;

	/* ESRCH: one of the processes that have it was about to end. */
	for (int i = 0; i < 3 && err == -ESRCH; i++)
		err = a->multi ? attach_multi(a, t, s->list.v, s->list.n) : -ENOTSUP;
	if (!err)
		return (int)s->list.n;
	/* One that cannot be probed must not keep the others out. */
	for (size_t i = 0; i < s->list.n; i++) {
		err = a->multi ? attach_multi(a, t, &s->list.v[i], 1) : attach_perf(a, t, &s->list.v[i]);
		*error = err ? err : *error;
		n += !err;
		if (err == -EMFILE || err == -ENFILE || err == -ENOMEM)
			break;
	}
	return n ? n : *error;
}

/* ---- which files ---- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
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

struct mapping {
	uint64_t start, end;
	unsigned long inode;
	char path[3072];
};

/* "7f0000000000-7f0000001000 r-xp 00000000 08:01 1234    /usr/lib/libamdhip64.so.5" */
static bool parse_mapping(const char *line, struct mapping *m)
{
	char perms[8];
	int at = 0;

	if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %lu %n", &m->start, &m->end, perms,
		   &m->inode, &at) != 4 ||
	    !at || perms[2] != 'x' || line[at] != '/')
		return false;
	snprintf(m->path, sizeof(m->path), "%.*s", (int)strcspn(line + at, "\n"), line + at);
	return true;
}

/* As the process sees it: no more than a name, which may be another file's by now. */
static int open_by_path(const char *proc, const struct mapping *m)
{
	char *root = xasprintf("%s/root", proc), again[32];
	int root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, err;
	struct stat st;

	free(root);
	if (root_fd < 0)
		return -errno;
	fd = proc__open_path(root_fd, m->path, 0);
	close(root_fd);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	/* Opened only when it is the file: to open a device may do something. */
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_ino != m->inode) {
		close(fd);
		return -ESTALE;
	}
	snprintf(again, sizeof(again), "/proc/self/fd/%d", fd);
	err = open(again, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	err = err < 0 ? -errno : err;
	close(fd);
	return err;
}

/* By its mapping, which is there whatever became of the file. proc: "/proc/PID" or one of its threads. */
static int open_mapped(const char *proc, const struct mapping *m)
{
	char *by_range = xasprintf("%s/map_files/%" PRIx64 "-%" PRIx64, proc, m->start, m->end);
	int fd = open(by_range, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	free(by_range);
	if (fd < 0)
		return open_by_path(proc, m);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode)) {
		close(fd);
		return -ENOEXEC;
	}
	return fd;
}

/* The row of a file, made when there is none. */
static struct known *known_file(struct api_calls *a, int fd, bool *is_new)
{
	struct stat st = {0};
	struct known k;

	fstat(fd, &st);
	k = (struct known){.dev = st.st_dev,
			   .ino = st.st_ino,
			   .changed_ns = (uint64_t)st.st_ctim.tv_sec * 1000000000u +
					 (uint64_t)st.st_ctim.tv_nsec};
	*is_new = false;
	for (size_t i = 0; i < a->known.n; i++) {
		struct known *x = &a->known.v[i];

		if (x->dev == k.dev && x->ino == k.ino && x->changed_ns == k.changed_ns)
			return x;
	}
	*is_new = true;
	*VEC_PUSH(&a->known) = k;
	return &a->known.v[a->known.n - 1];
}

static bool may_work_later(int err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOMEM || err == -EAGAIN || err == -ESRCH;
}

/* False when the process has ended: the next that maps the file will do. */
static bool attach_file(struct api_calls *a, const char *proc, const struct mapping *m, enum hook h,
			void (*found)(const struct api_library *lib, void *arg), void *arg)
{
	struct api_library lib = {.path = m->path, .hook = h};
	struct spots spots = {0};
	int fd = open_mapped(proc, m), n;
	struct known *k;
	char path[32];
	bool is_new;

	if (fd < 0) {
		if (access(proc, F_OK))
			return false;
		lib.error = fd;
		found(&lib, arg);
		return true;
	}
	k = known_file(a, fd, &is_new);
	if (!is_new && !may_work_later(k->error)) {
		close(fd);
		return true;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = find_spots(fd, h, &spots);
	if (!n)
		n = attach_spots(a,
				 &(struct target){.path = path,
						  .number = (uint32_t)(k - a->known.v),
						  .hook = h},
				 &spots, &lib.error);
	close(fd);
	if (n > 0) {
		lib.calls = (unsigned int)n;
		a->count[h] += lib.calls;
	} else {
		lib.error = n;
	}
	/* Of some that stand a second round would make two. */
	if (is_new || k->error != lib.error)
		found(&lib, arg);
	k->error = n > 0 ? 0 : lib.error;
	free(spots.list.v);
	return true;
}

/* The mappings of a process: of one whose first thread has ended, by another. To be closed; proc: by whom. */
static FILE *open_maps(uint32_t pid, char proc[64])
{
	char *tasks = xasprintf("/proc/%u/task", pid), *maps;
	DIR *d = NULL;
	struct dirent *de;
	FILE *f = NULL;
	int c = EOF;

	snprintf(proc, 64, "/proc/%u", pid);
	do {
		if (f)
			fclose(f);
		maps = xasprintf("%s/maps", proc);
		f = fopen(maps, "re");
		free(maps);
		c = f ? getc(f) : EOF;
		if (c != EOF) {
			ungetc(c, f);
			break;
		}
		d = d ? d : opendir(tasks);
		while (d && (de = readdir(d)) && !isdigit((unsigned char)de->d_name[0]))
			;
		if (d && de)
			snprintf(proc, 64, "/proc/%u/task/%.16s", pid, de->d_name);
	} while (d && de);
	free(tasks);
	if (d)
		closedir(d);
	return f;
}

bool api_calls__runs(uint32_t pid)
{
	char proc[64];
	FILE *f = open_maps(pid, proc);
	bool any = f && getc(f) != EOF;

	if (f)
		fclose(f);
	return any;
}

bool api_calls__attach(struct api_calls *a, uint32_t pid, uint64_t addr,
		       void (*found)(const struct api_library *lib, void *arg), void *arg)
{
	char *line = NULL, proc[64];
	FILE *f = open_maps(pid, proc);
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
				there = attach_file(a, proc, &m, libraries[i].hook, found, arg);
	}
	free(line);
	if (f)
		fclose(f);
	return there;
}

void api_calls__write_open(struct stream *s, const struct api_key *key, const struct api_flight *f,
			   bool left, uint64_t end_ns)
{
	uint64_t end = left ? end_ns : stream__now(), dt = end > f->ts ? end - f->ts : 0;
	struct ev_api_call e = {.pid = f->pid,
				.begin_dt = dt > UINT32_MAX ? UINT32_MAX : (uint32_t)dt,
				.returned = left ? 2 : 0,
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
	free(a->known.v);
	free(a->multi_links.v);
	free(a->links.v);
	free(a);
}

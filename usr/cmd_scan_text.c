// SPDX-License-Identifier: MIT
/* rdna1-trace scan, for people. */
#include "cmd_scan.h"
#include "report/table.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_indented(struct buf *b, unsigned int indent, const char *text, unsigned int width)
{
	struct buf whole = {0}, lines = {0};
	const char *at, *end;

	buf__printf(&whole, "%s\n", text);
	wrap_lines(&lines, buf__str(&whole), width - indent);
	buf__free(&whole);
	for (at = buf__str(&lines); *at; at = *end ? end + 1 : end) {
		end = at + strcspn(at, "\n");
		buf__printf(b, "%*s%.*s\n", (int)indent, "", (int)(end - at), at);
	}
	buf__free(&lines);
}

/* ---- kernels ---- */

static void put_families(struct buf *b, const struct scan_counts *c)
{
	buf__printf(b, "%" PRIu64 " instruction%s:", c->insns, c->insns == 1 ? "" : "s");
	for (int i = 0; i < SCAN_NUM_FAMILIES; i++)
		if (c->family[i])
			buf__printf(b, " %s %" PRIu64, scan_family_names[i], c->family[i]);
}

static void put_memory(struct buf *b, const struct scan_counts *c)
{
	buf__printf(b, "memory %" PRIu64 ": glc %" PRIu64 " dlc %" PRIu64 " slc %" PRIu64, c->memory, c->glc, c->dlc,
		    c->slc);
	if (c->v_cmpx)
		buf__printf(b, "; v_cmpx %" PRIu64, c->v_cmpx);
	if (c->inst_prefetch)
		buf__printf(b, "; s_inst_prefetch %" PRIu64, c->inst_prefetch);
	if (c->indirect)
		buf__printf(b, "; jumps to unknown places %" PRIu64, c->indirect);
	if (c->cut)
		buf__puts(b, "; too tangled to be searched to the end");
}

static void put_resources(struct buf *b, const struct scan_kernel *k)
{
	if (k->is_function) {
		buf__puts(b, "a function that kernels may call");
		return;
	}
	buf__printf(b, "wave%u, %s, %u VGPRs, ", k->wavefront_size, k->wgp_mode ? "WGP mode" : "CU mode", k->vgprs);
	if (k->sgprs)
		buf__printf(b, "%u SGPRs, ", k->sgprs);
	buf__printf(b, "%u B of LDS, %u B of scratch, %u B of arguments", k->lds_bytes, k->scratch_bytes,
		    k->kernarg_bytes);
	if (k->sgpr_spills || k->vgpr_spills)
		buf__printf(b, ", spills %u SGPRs, %u VGPRs", k->sgpr_spills, k->vgpr_spills);
	if (k->no_code)
		buf__puts(b, "; its code is not in the file");
}

static void put_hazards(struct buf *b, const struct scan_counts *c)
{
	for (int i = 0, n = 0; i < SCAN_NUM_HAZARDS; i++)
		if (c->hazard[i])
			buf__printf(b, "%s%s %" PRIu64, n++ ? ", " : "hazards: ", scan_classes[i].id, c->hazard[i]);
	if (!b->len)
		buf__puts(b, "no hazards");
	if (c->family[SCAN_UNDECODED])
		buf__printf(b, "; but %" PRIu64 " word%s no instruction of the chip", c->family[SCAN_UNDECODED],
			    c->family[SCAN_UNDECODED] == 1 ? " is" : "s are");
}

static void put_sites(struct buf *b, const struct scan_kernel *k)
{
	for (size_t i = 0; i < k->num_sites; i++) {
		const struct scan_site *s = &k->sites[i];

		buf__printf(b, "    %s\n", scan_classes[s->hazard].id);
		if (s->from_text)
			buf__printf(b, "      %8" PRIx64 "  %s\n", s->from_va, s->from_text);
		buf__printf(b, "      %8" PRIx64 "  %s\n", s->va, s->text);
	}
}

static void put_kernel(struct scan_run *r, const struct scan_kernel *k)
{
	static void (*const lines[])(struct buf *, const struct scan_counts *) = {put_families, put_memory, put_hazards};
	struct buf *b = &r->file->details, line = {0};

	buf__puts(b, "  ");
	buf__visible(b, k->name, strlen(k->name));
	buf__putc(b, '\n');
	put_resources(&line, k);
	put_indented(b, 4, buf__str(&line), r->width);
	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		buf__reset(&line);
		lines[i](&line, &k->counts);
		put_indented(b, 4, buf__str(&line), r->width);
	}
	put_sites(b, k);
	buf__free(&line);
}

void put_text_kernels(struct scan_run *r, const struct scan_object *object, const char *part)
{
	struct buf *b = &r->file->details;
	bool headed = false;

	for (size_t i = 0; i < object->num_kernels + object->num_functions; i++) {
		/* Who asks for places alone wants no kernels without. */
		if (!r->kernels && !object->kernels[i].num_sites)
			continue;
		if (!headed)
			buf__printf(b, "\n  -- %s%s%s --\n", object->isa, part ? ", " : "", part ?: "");
		headed = true;
		put_kernel(r, &object->kernels[i]);
	}
}

/* ---- files ---- */

static void put_classes(struct buf *b, const struct totals *t, unsigned int width)
{
	static const struct column columns[] = {
		{"hazard", false, false, 0},
		{"places", true, false, 0},
		{"kernels", true, false, 0},
		{"on gfx1010", false, true, 0},
	};
	struct table table = {.columns = columns, .num_columns = ARRAY_SIZE(columns)};

	for (int i = 0; i < SCAN_NUM_HAZARDS; i++) {
		if (!t->counts.hazard[i])
			continue;
		table__cellf(&table, "%s", scan_classes[i].id);
		table__cellf(&table, "%" PRIu64, t->counts.hazard[i]);
		table__cellf(&table, "%" PRIu64, t->kernels_hit[i]);
		table__cellf(&table, "wrong values%s%s", scan_classes[i].may_fault ? ", faults" : "",
			     scan_classes[i].may_hang ? ", hangs" : "");
	}
	table__render(&table, b, width);
}

static void put_undecoded(struct buf *b, const struct isa_totals *isa, unsigned int width)
{
	uint64_t n = isa->t.counts.family[SCAN_UNDECODED];
	struct buf line = {0};

	if (!n)
		return;
	buf__printf(&line, "%" PRIu64 " word%s that code leads to %s no instruction of %s, an illegal instruction where it is "
			   "reached",
		    n, n == 1 ? "" : "s", n == 1 ? "is" : "are", isa->isa);
	if (isa->undecoded_in) {
		buf__puts(&line, ", in ");
		buf__visible(&line, isa->undecoded_in, strlen(isa->undecoded_in));
	}
	if (isa->undecoded_kernels > 1)
		buf__printf(&line, " and %" PRIu64 " more (--kernels)", isa->undecoded_kernels - 1);
	put_indented(b, 2, buf__str(&line), width);
	buf__free(&line);
}

static void put_isa(struct scan_run *r, struct buf *b, const struct isa_totals *isa)
{
	const struct totals *t = &isa->t;
	struct buf line = {0};

	buf__printf(&line, "%s: %" PRIu64 " code object%s, %" PRIu64 " kernel%s", isa->isa, t->objects,
		    t->objects == 1 ? "" : "s", t->kernels, t->kernels == 1 ? "" : "s");
	if (t->functions)
		buf__printf(&line, ", %" PRIu64 " function%s", t->functions, t->functions == 1 ? "" : "s");
	buf__printf(&line, ", %" PRIu64 " instructions in ", t->counts.insns);
	buf__size(&line, t->code_bytes);
	for (size_t i = 0; i < isa->compilers.n; i++) {
		buf__puts(&line, i ? ", " : "; built by ");
		buf__visible(&line, isa->compilers.v[i], strlen(isa->compilers.v[i]));
	}
	put_indented(b, 2, buf__str(&line), r->width);
	buf__reset(&line);
	if (!isa->gfx10)
		buf__puts(&line, "hazards are looked for in code for gfx10 only");
	else if (t->kernels_any)
		buf__printf(&line, "%" PRIu64 " of %" PRIu64 " have hazards on gfx1010:", t->kernels_any,
			    t->kernels + t->functions);
	else
		buf__puts(&line, "no hazards found");
	if (isa->gfx10 && !t->kernels_any && t->counts.v_cmpx)
		buf__printf(&line, ", also not at its %" PRIu64 " v_cmpx", t->counts.v_cmpx);
	put_indented(b, 2, buf__str(&line), r->width);
	buf__free(&line);
	if (isa->gfx10 && t->kernels_any)
		put_classes(b, t, r->width);
	put_undecoded(b, isa, r->width);
}

static void put_skipped(struct scan_run *r, struct buf *b, const struct file_result *f)
{
	struct buf line = {0};
	uint64_t n = 0;

	for (size_t i = 0; i < f->skipped.n; i++)
		n += f->skipped.v[i].n;
	if (!n)
		return;
	buf__printf(&line, "skipped %" PRIu64 " code object%s for", n, n == 1 ? "" : "s");
	for (size_t i = 0; i < f->skipped.n; i++)
		buf__printf(&line, "%s %s", i ? "," : "", f->skipped.v[i].isa);
	buf__puts(&line, r->archs.n ? " (--arch)" : ", which an RDNA1 card does not load (--all-targets)");
	put_indented(b, 2, buf__str(&line), r->width);
	buf__free(&line);
}

void put_text_file(struct scan_run *r, const struct file_result *f)
{
	struct buf b = {0};

	if (!r->first_file)
		buf__putc(&b, '\n');
	r->first_file = false;
	buf__visible(&b, f->path, strlen(f->path));
	buf__printf(&b, ": %s\n", f->kind);
	for (size_t i = 0; i < f->isas.n; i++)
		put_isa(r, &b, &f->isas.v[i]);
	put_skipped(r, &b, f);
	for (size_t i = 0; i < f->errors.n; i++) {
		struct buf line = {0};

		buf__puts(&line, "could not be read: ");
		buf__visible(&line, f->errors.v[i], strlen(f->errors.v[i]));
		put_indented(&b, 2, buf__str(&line), r->width);
		buf__free(&line);
	}
	if (!f->isas.n && !f->skipped.n && !f->errors.n)
		buf__puts(&b, "  no code for GPUs in it\n");
	fwrite(buf__str(&b), 1, b.len, stdout);
	fwrite(buf__str(&f->details), 1, f->details.len, stdout);
	buf__free(&b);
}

void put_text_end(const struct scan_run *r)
{
	struct buf b = {0};
	struct totals const *t = &r->total;

	if (!r->files)
		return;
	buf__putc(&b, '\n');
	if (r->files > 1) {
		struct buf line = {0};

		buf__printf(&line,
			    "%" PRIu64 " files, %" PRIu64 " with hazards: %" PRIu64 " code objects, %" PRIu64
			    " kernels, %" PRIu64 " instructions",
			    r->files, r->with_hazards, t->objects, t->kernels, t->counts.insns);
		put_indented(&b, 0, buf__str(&line), r->width);
		buf__free(&line);
		if (t->kernels_any)
			put_classes(&b, t, r->width);
	}
	if (t->kernels_any) {
		put_indented(&b, 0,
			   "These hazards matter where this code runs on gfx1010, 1011 or 1012 silicon, as with "
			   "HSA_OVERRIDE_GFX_VERSION=10.3.0; on the GPU that it was built for it is right. That "
			   "gfx1010 goes wrong there is what LLVM's and Mesa's sources say (rdna1-trace(1), scan); "
			   "it was not measured on silicon. Code built for gfx1010 has none of them.",
			   r->width);
	}
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
}

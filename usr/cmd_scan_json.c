// SPDX-License-Identifier: MIT
/* rdna1-trace scan --format json. Names of keys are an interface. */
#include "cmd_scan.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void put_text(struct buf *b, const char *key, const char *text)
{
	buf__printf(b, "\"%s\":", key);
	buf__json(b, text, strlen(text));
}

static void put_numbers(struct buf *b, const struct scan_counts *c)
{
	bool first = true;

	buf__printf(b,
		    "\"instructions\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"memory\":%" PRIu64 ",\"glc\":%" PRIu64
		    ",\"dlc\":%" PRIu64 ",\"slc\":%" PRIu64 ",\"v_cmpx\":%" PRIu64 ",\"s_inst_prefetch\":%" PRIu64
		    ",\"indirect\":%" PRIu64 ",\"cut\":%" PRIu64 ",\"families\":{",
		    c->insns, c->bytes, c->memory, c->glc, c->dlc, c->slc, c->v_cmpx, c->inst_prefetch, c->indirect,
		    c->cut);
	for (int i = 0; i < SCAN_NUM_FAMILIES; i++)
		buf__printf(b, "%s\"%s\":%" PRIu64, i ? "," : "", scan_family_names[i], c->family[i]);
	buf__puts(b, "},\"hazards\":{");
	for (int i = 0; i < SCAN_NUM_HAZARDS; i++) {
		if (!c->hazard[i])
			continue;
		buf__printf(b, "%s\"%s\":%" PRIu64, first ? "" : ",", scan_classes[i].id, c->hazard[i]);
		first = false;
	}
	buf__putc(b, '}');
}

static void put_site(struct buf *b, const struct scan_site *s)
{
	buf__printf(b, "{\"hazard\":\"%s\",\"va\":%" PRIu64 ",", scan_classes[s->hazard].id, s->va);
	put_text(b, "text", s->text);
	if (s->from_text) {
		buf__printf(b, ",\"from_va\":%" PRIu64 ",", s->from_va);
		put_text(b, "from_text", s->from_text);
	}
	buf__putc(b, '}');
}

static void put_kernel(const struct scan_run *r, struct buf *b, const struct scan_kernel *k)
{
	buf__putc(b, '{');
	put_text(b, "name", k->name);
	buf__printf(b, ",\"function\":%s,\"code\":%s,\"entry\":%" PRIu64, k->is_function ? "true" : "false",
		    k->no_code ? "false" : "true", k->entry_va);
	if (!k->is_function)
		buf__printf(b,
			    ",\"descriptor\":%" PRIu64
			    ",\"wgp_mode\":%s,\"vgprs\":%u,\"sgprs\":%u,\"lds_bytes\":%u,\"scratch_bytes\":%u,"
			    "\"kernarg_bytes\":%u,\"sgpr_spills\":%u,\"vgpr_spills\":%u",
			    k->descriptor_va, k->wgp_mode ? "true" : "false", k->vgprs, k->sgprs, k->lds_bytes,
			    k->scratch_bytes, k->kernarg_bytes, k->sgpr_spills, k->vgpr_spills);
	buf__printf(b, ",\"wavefront_size\":%u,", k->wavefront_size);
	put_numbers(b, &k->counts);
	if (r->sites) {
		buf__puts(b, ",\"sites\":[");
		for (size_t i = 0; i < k->num_sites; i++) {
			buf__puts(b, i ? ",\n" : "");
			put_site(b, &k->sites[i]);
		}
		buf__putc(b, ']');
	}
	buf__putc(b, '}');
}

void put_json_object(struct scan_run *r, const struct scan_object *o, const char *part)
{
	struct buf *b = &r->file->details;

	buf__puts(b, r->file->has_details ? ",\n{" : "\n{");
	r->file->has_details = true;
	if (part) {
		put_text(b, "part", part);
		buf__putc(b, ',');
	}
	put_text(b, "isa", o->isa);
	buf__putc(b, ',');
	put_text(b, "target", o->target);
	buf__putc(b, ',');
	put_text(b, "compiler", o->compiler);
	buf__printf(b,
		    ",\"native\":%s,\"searched\":%s,\"code_bytes\":%" PRIu64 ",\"num_kernels\":%zu,\"num_functions\":%zu,",
		    o->native ? "true" : "false", o->gfx10 ? "true" : "false", o->code_bytes, o->num_kernels,
		    o->num_functions);
	put_numbers(b, &o->total);
	if (r->kernels || r->sites) {
		buf__puts(b, ",\"kernels\":[");
		for (size_t i = 0; i < o->num_kernels + o->num_functions; i++) {
			buf__puts(b, i ? ",\n" : "\n");
			put_kernel(r, b, &o->kernels[i]);
		}
		buf__putc(b, ']');
	}
	buf__putc(b, '}');
}

void put_json_file(struct scan_run *r, const struct file_result *f)
{
	struct buf b = {0};

	buf__puts(&b, r->first_file ? "\n{" : ",\n{");
	r->first_file = false;
	put_text(&b, "path", f->path);
	buf__putc(&b, ',');
	put_text(&b, "kind", f->kind);
	buf__puts(&b, ",\"errors\":[");
	for (size_t i = 0; i < f->errors.n; i++) {
		buf__puts(&b, i ? "," : "");
		buf__json(&b, f->errors.v[i], strlen(f->errors.v[i]));
	}
	buf__puts(&b, "],\"skipped\":{");
	for (size_t i = 0; i < f->skipped.n; i++)
		buf__printf(&b, "%s\"%s\":%" PRIu64, i ? "," : "", f->skipped.v[i].isa, f->skipped.v[i].n);
	buf__puts(&b, "},\"objects\":[");
	fwrite(buf__str(&b), 1, b.len, stdout);
	fwrite(buf__str(&f->details), 1, f->details.len, stdout);
	fputs("]}", stdout);
	buf__free(&b);
}

void put_json_begin(struct scan_run *r)
{
	static const char *const kinds[] = {
		[SCAN_RECOGNIZER] = "recognizer", [SCAN_SELECTION] = "selection", [SCAN_ENCODING] = "encoding"};
	struct buf b = {0};

	buf__puts(&b, "{\"classes\":[");
	for (int i = 0; i < SCAN_NUM_HAZARDS; i++) {
		const struct scan_class *c = &scan_classes[i];

		buf__puts(&b, i ? ",\n{" : "\n{");
		put_text(&b, "id", c->id);
		buf__putc(&b, ',');
		put_text(&b, "title", c->title);
		buf__putc(&b, ',');
		put_text(&b, "what", c->what);
		buf__putc(&b, ',');
		put_text(&b, "source", c->source);
		buf__putc(&b, ',');
		put_text(&b, "kind", kinds[c->kind]);
		if (c->mattr) {
			buf__putc(&b, ',');
			put_text(&b, "mattr", c->mattr);
		}
		buf__printf(&b, ",\"may_fault\":%s,\"may_hang\":%s}", c->may_fault ? "true" : "false",
			    c->may_hang ? "true" : "false");
	}
	buf__puts(&b, "],\n\"measured_on_silicon\":false,\n\"files\":[");
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
	(void)r;
}

void put_json_end(const struct scan_run *r, int status)
{
	struct buf b = {0};

	buf__printf(&b,
		    "],\n\"total\":{\"files\":%" PRIu64 ",\"with_hazards\":%" PRIu64 ",\"unreadable\":%" PRIu64
		    ",\"objects\":%" PRIu64 ",\"kernels\":%" PRIu64 ",\"functions\":%" PRIu64
		    ",\"kernels_with_hazards\":%" PRIu64 ",",
		    r->files, r->with_hazards, r->unreadable, r->total.objects, r->total.kernels, r->total.functions,
		    r->total.kernels_any);
	put_numbers(&b, &r->total.counts);
	buf__printf(&b, "},\n\"status\":%d}\n", status);
	fwrite(buf__str(&b), 1, b.len, stdout);
	buf__free(&b);
}

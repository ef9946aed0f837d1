/* SPDX-License-Identifier: MIT */
/* The parts of the facts, each one file, and how they read. */
#ifndef RDNA1_RECORD_FACTS_PARTS_H
#define RDNA1_RECORD_FACTS_PARTS_H

#include <jansson.h>
#include "facts.h"

/* facts_host.c, facts_device.c, facts_software.c: new objects */
json_t *facts_host(const struct facts_config *c);
json_t *facts_device(const struct facts_config *c);
json_t *facts_software(const struct facts_config *c);
const char *facts_getenv(const struct facts_config *c, const char *name); /* of the command */

/* facts.c: below root. The text of a small file without the white space at its end, to be freed. */
char *facts_read(const char *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
bool facts_exists(const char *root, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Who may open path, into o: its group, and whether the user is in it. */
void facts_put_access(json_t *o, const char *root, const char *path);

/* What the file says; nothing is put when it cannot be read. A number in any base of strtoll. */
void facts_put_text(json_t *o, const char *key, char *text); /* takes text over */
void facts_put_number(json_t *o, const char *key, char *text);
void facts_put_bool(json_t *o, const char *key, bool v);

#endif

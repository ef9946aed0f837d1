#include "../conv/conv.h"
#include "../isa/verdict.h"
#include "../quarantine/quarantine.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
int verdict__find(const char *a, const char *k, char *c, size_t s){(void)a;(void)k;(void)c;(void)s;return -ENOENT;}
int verdict__ask(const char *s, const char *f, unsigned t){(void)s;(void)f;(void)t;return -ENOSYS;}
struct conv_family {int x;};
const struct conv_family *conv_family__find(const char *name, uint32_t b){(void)name;(void)b;return NULL;}
const char *conv_family__text(const struct conv_family *f){(void)f;return "";}
uint32_t conv_family__kernarg_bytes(const struct conv_family *f){(void)f;return 0;}
int conv_family__read(const struct conv_family *f, const void *k, size_t len, const uint32_t grid[3],struct conv_problem *p){(void)f;(void)k;(void)len;(void)grid;(void)p;return -EINVAL;}
size_t conv_problem__text(const struct conv_problem *p, char *out, size_t size){(void)p;(void)size;out[0]=0;return 0;}
const void *conv_image(size_t *size){*size=0;return NULL;}
const char *conv_family__symbol(const struct conv_family *f){(void)f;return NULL;}
void conv_family__grid(const struct conv_family *f, const struct conv_problem *p, uint32_t grid[3],uint16_t w[3]){(void)f;(void)p;(void)grid;(void)w;}
int conv_image__label(void *elf, size_t size, const char *isa){(void)elf;(void)size;(void)isa;return -EINVAL;}
const char *conv_image__chip(const void *elf, size_t size){(void)elf;(void)size;return "gfx1010";}
int conv_host__open(char *why, size_t size){snprintf(why,size,"stub");return -ENOENT;}
int conv_host__run(const struct conv_problem *p, void *const m[CONV_OPERANDS]){(void)p;(void)m;return -ENOSYS;}
int quarantine__path(const char *f, char *o, size_t s){(void)f;(void)o;(void)s;return -ENOENT;}
int quarantine__add(const char *p, const struct quarantine_entry *e){(void)p;(void)e;return -ENOSYS;}
int quarantine__each(const char *p, int (*fn)(const struct quarantine_entry *e, uint32_t n, void *a), void *a, uint32_t *d){(void)p;(void)fn;(void)a;*d=0;return 0;}

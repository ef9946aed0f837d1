#include "../conv/conv.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>
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

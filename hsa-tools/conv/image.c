// SPDX-License-Identifier: MIT
/* Our kernels, compiled from kernel.cl. */
#include "conv.h"

__asm__(".section .rodata\n.balign 4096\n.globl conv_image_begin\n.hidden "
	"conv_image_begin\nconv_image_begin:\n"
	".incbin \"" CONV_IMAGE
	"\"\n.globl conv_image_end\n.hidden conv_image_end\nconv_image_end:\n.previous\n"
	".section .note.GNU-stack,\"\",@progbits\n.previous");
extern const char conv_image_begin[] __attribute__((visibility("hidden")));
extern const char conv_image_end[] __attribute__((visibility("hidden")));

const void *conv_image(size_t *size)
{
	*size = (size_t)(conv_image_end - conv_image_begin);
	return conv_image_begin;
}

/* SPDX-License-Identifier: MIT */
/* The code objects: every program for gfx1010 and for gfx1030. */
	.section .rodata
.macro code name, file
	.globl code_\name, code_\name\()_end
	.hidden code_\name, code_\name\()_end
	.balign 4096
code_\name:
	.incbin "\file"
code_\name\()_end:
.endm
	code naive_gfx1010, "naive_conv-gfx1010.co"
	code naive_gfx1030, "naive_conv-gfx1030.co"
	code gemm_gfx1010, "gemm-gfx1010.co"
	code gemm_gfx1030, "gemm-gfx1030.co"
	code im2col_float_gfx1010, "im2col-float-gfx1010.co"
	code im2col_float_gfx1030, "im2col-float-gfx1030.co"
	code im2col_half_gfx1010, "im2col-half-gfx1010.co"
	code im2col_half_gfx1030, "im2col-half-gfx1030.co"
	.section .note.GNU-stack, "", @progbits

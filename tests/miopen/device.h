/* SPDX-License-Identifier: MIT */
/* What the kernels and the host's side of the stand-in share. */
#ifndef RDNA1_TESTS_MIOPEN_DEVICE_H
#define RDNA1_TESTS_MIOPEN_DEVICE_H

/* What goes wrong in a kernel: the values of its program's variable standin_trouble. */
enum {
	TROUBLE_NONE,
	TROUBLE_HANG,
	TROUBLE_APERTURE,
	TROUBLE_PAGE,
	TROUBLE_FAR,
	TROUBLE_WRONG,
};

/* The rest of the name of each product of matrices, as long as Tensile's. ISA000: from source, not
 * assembly. */
#define TENSILE_TILE 32
#define TENSILE_PARAMETERS                                                                         \
	MT32x32x8_SN_1LDSB0_APM1_ABV0_ACED0_AF0EM1_AF1EM1_AMAS0_ASE_ASGT_ASAE01_ASCE01_ASEM1_BL1_BS1_DTLA0_DTLB0_DVO0_EPS1_ELFLR0_EMLL0_FL0_GLVWA1_GLVWB1_GRVW1_GSU1_GSUASB_ISA000_IU1_K1_KLS_LBSPP0_LPA0_LPB0_LDL1_LRVW1_MAC_MIAV0_MDA2_NTA0_NTC0_NTD0_NEPBS0_NLCA1_NLCB1_ONLL0_OPLV0_PBD0_PK0_PAP0_PGR0_PLR0_SIA1_SS0_SU32_SUM0_SUS256_SCIUI1_SPO0_SRVW0_SSO0_SVW1_TT2_2_TLDS0_USFGROn1_VAW1_VS1_VW1_WSGRA0_WSGRB0_WS32_WG16_16_1_WGM1

#endif

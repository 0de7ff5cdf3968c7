#include "textflag.h"

// func ID() uintptr
TEXT ·ID(SB),NOSPLIT,$0-8
	MOVD	g, ret+0(FP)
	RET

// func word(i uintptr) uintptr
TEXT ·word(SB),NOSPLIT,$0-16
	MOVD	i+0(FP), R0
	MOVD	(g)(R0<<3), R1
	MOVD	R1, ret+8(FP)
	RET

// func wordOf(id, i uintptr) uintptr
TEXT ·wordOf(SB),NOSPLIT,$0-24
	MOVD	id+0(FP), R2
	MOVD	i+8(FP), R0
	MOVD	(R2)(R0<<3), R1
	MOVD	R1, ret+16(FP)
	RET

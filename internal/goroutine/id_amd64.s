#include "textflag.h"

// func ID() uintptr
TEXT ·ID(SB),NOSPLIT,$0-8
	MOVQ	TLS, CX
	MOVQ	0(CX)(TLS*1), AX
	MOVQ	AX, ret+0(FP)
	RET

// func word(i uintptr) uintptr
TEXT ·word(SB),NOSPLIT,$0-16
	MOVQ	i+0(FP), DX
	MOVQ	TLS, CX
	MOVQ	0(CX)(TLS*1), AX
	MOVQ	(AX)(DX*8), AX
	MOVQ	AX, ret+8(FP)
	RET

// func wordOf(id, i uintptr) uintptr
TEXT ·wordOf(SB),NOSPLIT,$0-24
	MOVQ	id+0(FP), AX
	MOVQ	i+8(FP), DX
	MOVQ	(AX)(DX*8), AX
	MOVQ	AX, ret+16(FP)
	RET

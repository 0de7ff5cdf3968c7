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

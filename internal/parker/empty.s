// This file makes the compiler accept functions without a body, which are
// linked to others.

/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The one trick that the parser, the window and the program share. */
#ifndef SLUICE_OPAQUE_H
#define SLUICE_OPAQUE_H

/* Keeps the compiler from folding a bounds check away that the verifier needs to see. */
#define OPAQUE(var) __asm__ volatile("" : "+r"(var))

#endif

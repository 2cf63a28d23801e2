"""Guests: QEMU, what is in them, NICs, a shell."""

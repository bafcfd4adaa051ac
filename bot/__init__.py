"""The program: how messages come in, are understood and answered."""

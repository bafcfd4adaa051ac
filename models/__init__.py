"""The shared store: one module a thing, with its table, its rules, and the only functions that change it."""

"""Stand-ins for the far ends of the wires, as strict as the real ones."""

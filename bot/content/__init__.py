"""What communities say about themselves: content packs, checked, loaded, and kept as an immutable snapshot."""

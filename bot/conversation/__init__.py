"""The conversation engine: a handler asks, then acts, and is run again from the top for every message."""

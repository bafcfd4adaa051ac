"""What a free sentence means: words, places, times, dangers, and the community's answers."""

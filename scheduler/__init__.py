"""What happens by the clock: APScheduler only ticks; rows that are due decide."""

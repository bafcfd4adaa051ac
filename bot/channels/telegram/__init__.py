"""Telegram: python-telegram-bot parses and sends; what comes in, what leaves and when are ours."""

"""WeChat: official accounts, answered in one message, and in few messages of our own."""

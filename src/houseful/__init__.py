"""Houseful sells seats. Start reading at `messages.py`, the story of a purchase."""

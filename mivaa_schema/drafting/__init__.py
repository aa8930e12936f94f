"""Revisions are drafted from what was edited, and what they do is frozen beside them."""

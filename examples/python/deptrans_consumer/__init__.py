"""A small consumer of the feed: an exact copy of ids or shifts, kept by deltas, and checks from memory."""

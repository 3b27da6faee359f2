"""Ralph under random kills: each iteration is committed exactly once, each task completed, nothing left over."""

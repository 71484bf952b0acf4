"""Attention heads: why one looks where it looks, what that predicts, and of what kind it is."""

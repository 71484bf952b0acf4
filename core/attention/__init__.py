"""Attention heads: why one looks where it looks, what that predicts, and of what kind it is.

qk          which sources make a head look from one position at another
kinds       what kind of head a head is, measured on a task's prompts
prediction  what QK attribution predicts when features change; benchmarks only
effects     what a head does causally; benchmarks only
"""

"""The Validation page: the verdict and why, curves, regimes, controls, and dark matter."""

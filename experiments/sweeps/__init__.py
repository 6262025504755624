"""Sweeps over configs; a config's `sweep()` builds one from these four."""

from experiments.sweeps.overrides import chain, override, product, zipped

__all__ = ['chain', 'override', 'product', 'zipped']

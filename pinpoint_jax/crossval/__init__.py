"""Figures of every system that applies, from stores without a test set."""

from pinpoint_jax.crossval.fold import Fold, split
from pinpoint_jax.crossval.report import rows, sentences
from pinpoint_jax.crossval.runner import Outcome, Settings, TrainEmbedder, run

__all__ = ['Fold', 'Outcome', 'Settings', 'TrainEmbedder', 'rows', 'run',
           'sentences', 'split']

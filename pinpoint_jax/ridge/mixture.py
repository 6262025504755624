"""Kernel ridges of several sources, whose expected scores are added.

  features of a source ─▶ mean and spread of its own columns ─▶ its own ridge
  score of a place = own · d_own + other · d_other
                     + prior · m_own + other_prior · m_other

  d   what a ridge's weights say beyond the shares of its places
  m   what the shares say: the expected score before any photo is seen

own = prior = 1 is the plain ridge. It gives too much to places where many
photos were taken, for a ridge shrinks what it says and not the shares; a
prior below 1 balances that. Far above 1 it leads to the constant place, the
best answer where features say little. No row of a dense source can draw the
answers of another one to itself: each has its own ridge and its own shares.
"""

from collections.abc import Mapping
import dataclasses

from jaxtyping import Float
import numpy as np
from pinpoint_jax.ridge import inputs as ridge_inputs
from pinpoint_jax.ridge import ridge as kernel_ridge

# Between the roots of the two kernels of `kernel_ridge`, rows centred.
SETTINGS = kernel_ridge.Settings('rbf', 0.35, centred=True)
PENALTIES = (0.2, 0.4, 0.8)
USUAL_PENALTY = 0.4


@dataclasses.dataclass(frozen=True)
class Table:
  """Rows of one source: features and where they are from."""

  features: np.ndarray
  latlng_deg: Float[np.ndarray, 'n 2']

  def take(self, at: np.ndarray) -> 'Table':
    """Some of the rows, by number or by mask."""
    return Table(self.features[at], self.latlng_deg[at])


@dataclasses.dataclass(frozen=True)
class Mixture:
  """How much each part of a score counts, for queries of one source.

  Attributes:
    own: of the ridge of the query's source.
    other: of the ridges of other sources.
    prior: of the shares of the query's source.
    other_prior: of the shares of other sources.
  """

  own: float | int = 1.
  other: float | int = 0.
  prior: float | int = 0.5
  other_prior: float | int = 0.

  @property
  def alone(self) -> bool:
    """Whether rows of the query's own source answer it."""
    return not self.other and not self.other_prior

  def parts(self, own: bool) -> tuple[float | int, float | int]:
    """Weights of a source's ridge and shares: the query's own, or another."""
    if own:
      return self.own, self.prior
    return self.other, self.other_prior


@dataclasses.dataclass(frozen=True)
class Ridges:
  """A ridge of each source, by penalty.

  Attributes:
    models: by source and penalty.
    inputs: by source of the query and of the ridge; sources whose features
      differ in size have none.
  """

  models: Mapping[tuple[str, float | int], kernel_ridge.Model]
  inputs: Mapping[tuple[str, str], ridge_inputs.Inputs]


@dataclasses.dataclass(frozen=True)
class Scores:
  """What each of some places is worth to each query.

  Attributes:
    values: one row per query, [b, c].
    latlng_deg: the places, [c, 2].
  """

  values: Float[np.ndarray, 'b c']
  latlng_deg: Float[np.ndarray, 'c 2']


def fit(tables: Mapping[str, Table],
        settings: kernel_ridge.Settings = SETTINGS) -> Ridges:
  """Each source's ridges, and how they read queries of the others."""
  models = {}
  for source, table in tables.items():
    for penalty, model in zip(PENALTIES, kernel_ridge.fit_each(
        table.features, table.latlng_deg, settings, PENALTIES)):
      models[source, penalty] = model
  own = {source: models[source, PENALTIES[0]].inputs for source in tables}
  return Ridges(models, views(own, tables))


def views(own: Mapping[str, ridge_inputs.Inputs],
          tables: Mapping[str, Table]) -> dict[
              tuple[str, str], ridge_inputs.Inputs]:
  """Inputs by source of the query and of the ridge.

  Another source's query is made comparable by the mean and spread of its own
  source's columns, and its mapped rows are centred: what sets the sources
  apart as such says nothing about the place.
  """
  inputs_of = {}
  for query, at in own.items():
    for ridge, inputs in own.items():
      if query == ridge:
        inputs_of[query, ridge] = inputs
      elif len(at.mean) == len(inputs.mean):
        foreign = dataclasses.replace(inputs, mean=at.mean, spread=at.spread)
        inputs_of[query, ridge] = ridge_inputs.centred(
            foreign, tables[query].features)
  return inputs_of


def answer(ridges: Ridges, source: str, features: np.ndarray,
           penalty: float | int, mixture: Mixture,
           scale_km: float | int) -> Float[np.ndarray, 'b 2']:
  """The best place for each query of a source, at that scale."""
  some = scores(ridges, source, features, penalty, mixture, scale_km)
  return some.latlng_deg[some.values.argmax(axis=1)]


def scores(ridges: Ridges, source: str, features: np.ndarray,
           penalty: float | int, mixture: Mixture,
           scale_km: float | int) -> Scores:
  """What each place of an anchor is worth to queries of a source."""
  models = {name: model for (name, some), model in ridges.models.items()
            if some == penalty and (name == source or not mixture.alone)}
  places = np.concatenate([model.latlng_deg for model in models.values()])
  values = np.zeros((len(features), len(places)))
  for name, model in models.items():
    ridge, prior = mixture.parts(name == source)
    worth = kernel_ridge.worths(model.latlng_deg, places, scale_km)
    values += prior * (model.shares @ worth)[None]
    if ridge and (source, name) in ridges.inputs:
      mapped = ridges.inputs[source, name].map(features)
      values += ridge * (mapped @ model.weights @ worth)
  return Scores(values, places)

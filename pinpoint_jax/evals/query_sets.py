"""Query sets of known places, opened, encoded and given what answers them."""

from collections.abc import Mapping, Sequence
import dataclasses
import pathlib
from typing import Any

import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import open_systems
from pinpoint_jax.answer import systems as answering
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.evals import administrative
from pinpoint_jax.features import store


@dataclasses.dataclass(frozen=True)
class QuerySet:
  """One query set.

  Attributes:
    name: of the set, from its folder.
    photos: who took what, where: the truth.
    queries: the photos as vectors.
    answering: every system for them.
    data: fingerprints of the store and of the rerankers.
    names: of administrative levels, where the truth has them.
  """

  name: str
  photos: types.Photos
  queries: shortlist.Queries
  answering: answering.Answering
  data: Mapping[str, Any]
  names: Mapping[str, administrative.Truth] = dataclasses.field(
      default_factory=dict)

  def named(self, ids: types.Strings,
            names: Mapping[str, types.Strings]) -> 'QuerySet':
    """With the names of a table of truths; refuses queries it lacks."""
    missing = np.setdiff1d(self.photos.ids, ids)
    if len(missing):
      raise ValueError(f'{self.name}: {len(missing):,} of {len(self.photos):,} '
                       f'queries are not in the table of names, the first is '
                       f'{str(missing[0])!r}: evaluate query sets separately')
    order = np.argsort(ids)
    rows = order[np.searchsorted(ids[order], self.photos.ids)]
    return dataclasses.replace(self, names=administrative.truth(
        {level: column[rows] for level, column in names.items()}))


def open_all(opened: open_systems.OpenGallery, paths: Sequence[str],
             rerankers: Mapping[types.Source, Sequence[str]],
             settings: Mapping[types.Source, open_systems.Settings],
             ) -> list[QuerySet]:
  """The stores at `paths`; rerankers and settings are by their source.

  An id may be in one of the stores only.
  """
  query_sets = [_open(opened, path, rerankers, settings) for path in paths]
  names, counts = np.unique(
      np.concatenate([queries.photos.ids for queries in query_sets]),
      return_counts=True)
  if (counts > 1).any():
    raise ValueError(f'{(counts > 1).sum()} ids are in several query sets, '
                     f'the first is {str(names[counts > 1][0])!r}: evaluate '
                     f'the sets separately')
  return query_sets


def _open(opened: open_systems.OpenGallery, path: str,
          rerankers: Mapping[types.Source, Sequence[str]],
          settings: Mapping[types.Source, open_systems.Settings]) -> QuerySet:
  features = store.open_store(path)
  if not len(features):
    raise ValueError(f'{path} has no row: there is nothing to answer')
  source = features.manifest['source']
  loaded = open_systems.load_rerankers(source, rerankers.get(source, ()))
  prints = {name: trained.fingerprint for name, trained in loaded.items()}
  return QuerySet(
      name_of(features.path), features.photos, opened.queries(features),
      opened.answering_for(source, loaded, settings[source]),
      {'queries': features.fingerprint(), 'rerankers': prints})


def name_of(path: pathlib.Path) -> str:
  """The name of the query set that lies there."""
  # extract_features writes NAME/store.
  path = path.resolve()
  return path.parent.name if path.name == 'store' else path.name

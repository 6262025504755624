"""The photos and street views that speak for an answer.

  the answer's row ─▶ rows of both sources within 25 km: its neighbours, and
                      candidates of the same place
                   ─▶ those most like the photo, of each source
"""

from jaxtyping import Float, Int
import numpy as np
from pinpoint_jax import types
from pinpoint_jax.answer import records
from pinpoint_jax.candidates import searcher as search
from pinpoint_jax.candidates import shortlist
from pinpoint_jax.geo import distance
from pinpoint_jax.rerank import inputs
from pinpoint_jax.search import masks, vectors

NEAR_KM = 25.0
# Rows of each source that are shown.
PER_SOURCE = 3


class Finder:
  """Finds evidence in one open gallery."""

  def __init__(self, searcher: search.Searcher,
               reader: inputs.Reader | None = None):
    """Both of the same gallery; without a reader there is `among` alone."""
    self._searcher, self._reader = searcher, reader
    self._gallery = searcher.gallery
    self.channel = 'raw' if 'raw' in searcher.channels else 'image'
    self._vectors = vectors.Joined(tuple(
        part for part in self._gallery.channel(self.channel) if part))

  def alike(self, queries: shortlist.Queries,
            rows: Int[np.ndarray, 'b k']) -> Float[np.ndarray, 'b']:
    """Similarity of the candidate most like each query; -inf without one."""
    sims = np.full(rows.shape, -np.inf, np.float32)
    query, slot = np.nonzero(rows >= 0)
    sims[query, slot] = self._searcher.pair_scores(
        self.channel, queries.of(self.channel), query, rows[query, slot])
    return sims.max(axis=1, initial=-np.inf)

  def of(self, query: shortlist.Queries, answer: int,
         candidates: Int[np.ndarray, 'k'], mask: masks.Mask,
         per_source: int = PER_SOURCE) -> tuple[records.Evidence, ...]:
    """Evidence for one query's answer, the most similar first.

    answer: its gallery row.
    candidates: rows of its shortlist, -1 pads.
    mask: of that query.
    """
    return self._shown(query, *self._near(answer, candidates, mask),
                       per_source)

  def among(self, query: shortlist.Queries, rows: Int[np.ndarray, 'n'],
            latlng_deg: Float[np.ndarray, '2'], mask: masks.Mask,
            per_source: int = PER_SOURCE) -> tuple[records.Evidence, ...]:
    """Evidence for any place, of those of some rows that are near it."""
    dist_km = distance.haversine_km(self._gallery.latlng_deg[rows], latlng_deg)
    kept = (dist_km <= NEAR_KM) & ~mask.hides(rows[None])[0]
    return self._shown(query, rows[kept], dist_km[kept], per_source)

  def _shown(self, query: shortlist.Queries, rows: Int[np.ndarray, 'n'],
             dist_km: Float[np.ndarray, 'n'],
             per_source: int) -> tuple[records.Evidence, ...]:
    """Those most like the query."""
    sims = self._searcher.pair_scores(
        self.channel, query.of(self.channel), np.zeros(len(rows), np.int64),
        rows)
    order = np.lexsort((rows, -sims))
    kept = self._distinct(rows, order, per_source)
    about = self._gallery.photos(rows[kept])
    licences = self._gallery.licences.decode(rows[kept])
    return tuple(records.Evidence(
        str(about.ids[i]), types.SOURCES[self._gallery.source[rows[at]]],
        tuple(about.latlng_deg[i].tolist()), float(dist_km[at]),
        float(sims[at]), str(about.authors[i]), str(licences[i]),
        str(about.sequences[i])) for i, at in enumerate(kept))

  def _near(self, answer: int, candidates: np.ndarray, mask: masks.Mask,
            ) -> tuple[np.ndarray, np.ndarray]:
    """Visible rows within 25 km of the answer, and how far they are."""
    rows = np.union1d(self._reader.around(answer),
                      np.append(candidates[candidates >= 0], answer))
    dist_km = distance.haversine_km(
        self._gallery.latlng_deg[rows], self._gallery.latlng_deg[answer])
    kept = (dist_km <= NEAR_KM) & ~mask.hides(rows[None])[0]
    return rows[kept], dist_km[kept]

  def _distinct(self, rows: np.ndarray, order: np.ndarray,
                per_source: int) -> list[int]:
    """The first of each source in that order; a photo is not repeated."""
    kept: list[int] = []
    count = dict.fromkeys(range(len(types.SOURCES)), 0)
    seen: set[bytes] = set()
    for at in order.tolist():
      source = int(self._gallery.source[rows[at]])
      if count[source] == per_source:
        continue
      # One picture uploaded twice has one feature.
      content = self._vectors.take(rows[at:at + 1]).tobytes()
      if content not in seen:
        seen.add(content)
        count[source] += 1
        kept.append(at)
    return kept

"""A gallery as a collection of Qdrant, for serving beyond one machine.

  point     a row that is not deleted; its id is the row's number
  vectors   image, location, and raw if asked for, as the gallery stores them,
            compared by dot product: scores are those of our exact search
  payload   id, place, source, author, sequence, country, admin1, licence;
            what is unknown is absent
  metadata  which gallery and embedder, and whether all rows are there

The only file that imports qdrant_client.
"""

from collections.abc import Iterator, Sequence
import contextlib
import dataclasses
import os
from typing import Any
import warnings

from jaxtyping import Int
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.features import progress
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.search import vectors as vectors_lib

try:
  import qdrant_client
  from qdrant_client import models
  from qdrant_client.http import exceptions
except ImportError as error:
  raise ImportError('the export to Qdrant needs qdrant-client: install '
                    'pinpoint_jax[qdrant]') from error

VERSION = 1
# Of a collection's metadata.
KEY = 'pinpoint_gallery'
# Points of one request: half a megabyte of 1,536 numbers, as JSON some more.
_POINTS = 256
# Points read back at the end.
_SAMPLED = 100
_KEYWORD = models.PayloadSchemaType.KEYWORD
_INDEXED = {'id': _KEYWORD, 'source': _KEYWORD, 'author': _KEYWORD,
            'sequence': _KEYWORD, 'country': _KEYWORD, 'admin1': _KEYWORD,
            'place': models.PayloadSchemaType.GEO}


@dataclasses.dataclass(frozen=True)
class Exported:
  """What an export did.

  Attributes:
    num_points: in the collection now, one for each row that can answer.
    num_written: of them by this export; the others were there.
    num_sampled: read back and found to be as in the gallery.
  """

  num_points: int
  num_written: int
  num_sampled: int


@contextlib.contextmanager
def connected(at: str) -> Iterator[qdrant_client.QdrantClient]:
  """A client of the server at http://HOST:PORT, or of a local folder.

  A server's key is read from the environment variable QDRANT_API_KEY.
  """
  try:
    if at.startswith(('http://', 'https://')):
      # Its check of versions warns from a thread, before or after our error;
      # what a server does not understand is found by reading back.
      client = qdrant_client.QdrantClient(
          url=at, api_key=os.environ.get('QDRANT_API_KEY'), timeout=60,
          check_compatibility=False)
    else:
      client = qdrant_client.QdrantClient(path=at)
    with contextlib.closing(client):
      yield client
  except (exceptions.ApiException, RuntimeError) as error:
    raise OSError(f'Qdrant at {at}: {error}; what was written stays, run the '
                  f'same again to go on') from error


def export(gallery: galleries.Gallery, client: qdrant_client.QdrantClient,
           name: str, with_raw: bool = False) -> Exported:
  """Makes collection `name` hold the gallery's rows, and checks that it does.

  Rows that are there already are not written again: stopped in any way, the
  same call goes on. Rows deleted from the gallery since are deleted first. A
  collection of other rows, or of another making, is refused.
  """
  if not gallery.num_live:
    raise ValueError(f'{gallery.path} has no row that can answer')
  channels = _channels(gallery, with_raw)
  about = {'version': VERSION, 'rows_key': gallery.rows_key(),
           'embedder': gallery.manifest['embedder'], 'channels': [*channels]}
  is_new = _open(client, name, channels, about)
  _mark(client, name, about, None)
  for part in blocks.slices(len(gallery.removed), _POINTS):
    client.delete(name, models.PointIdsList(
        points=gallery.removed[part].tolist()), wait=True)
  live = np.setdiff1d(np.arange(len(gallery)), gallery.removed)
  shown, num_written = progress.Progress(len(live), unit='rows'), 0
  for part in blocks.slices(len(live), _POINTS):
    rows = live[part] if is_new else _missing(client, name, live[part])
    if len(rows):
      client.upsert(name, _points(gallery, channels, rows), wait=True)
    num_written += len(rows)
    shown.add(part.stop - part.start)
  shown.finish()
  sampled = live[blocks.evenly_spread(len(live), _SAMPLED)]
  _verify(gallery, client, name, channels, sampled)
  _mark(client, name, about, gallery.fingerprint())
  return Exported(len(live), num_written, len(sampled))


def row_filter(source: types.Source, photo_id: str = '', author: str = '',
               sequence: str = '', same_source: bool = False) -> models.Filter:
  """What a query may be answered with, as candidates.filters says it.

  Never by itself, nor by rows of its source with its author or its sequence;
  what is '' hides nothing. same_source: only by rows of its source.
  """
  own = _equal('source', source)
  hidden = [models.Filter(must=[own, _equal(key, value)])
            for key, value in (('author', author), ('sequence', sequence))
            if value]
  if photo_id:
    hidden.append(_equal('id', photo_id))
  return models.Filter(must=[own] if same_source else None, must_not=hidden)


def _equal(key: str, value: str) -> models.FieldCondition:
  return models.FieldCondition(key=key, match=models.MatchValue(value=value))


def _channels(gallery: galleries.Gallery,
              with_raw: bool) -> dict[str, vectors_lib.Joined]:
  names = types.CHANNELS if with_raw else ('image', 'location')
  parts = {name: gallery.channel(name) for name in names}
  if with_raw and parts['raw'][0] is None:
    raise ValueError(f'--raw: {gallery.path} keeps no raw features')
  return {name: vectors_lib.Joined(parts[name]) for name in names}


def _open(client: qdrant_client.QdrantClient, name: str,
          channels: dict[str, vectors_lib.Joined],
          about: dict[str, Any]) -> bool:
  """Whether the collection is new; refuses one that another gallery made."""
  is_new = not client.collection_exists(name)
  if is_new:
    client.create_collection(
        name, {channel: _params(rows) for channel, rows in channels.items()},
        metadata={KEY: about})
  else:
    there = (client.get_collection(name).config.metadata or {}).get(KEY, {})
    unlike = [f'{key} {there.get(key)} → {value}'
              for key, value in about.items() if there.get(key) != value]
    if unlike:
      raise ValueError(f'collection {name!r} is not of this gallery '
                       f'({"; ".join(unlike)}): name another collection')
  with warnings.catch_warnings():  # A local folder has no indices.
    warnings.simplefilter('ignore')
    for field, kind in _INDEXED.items():
      client.create_payload_index(name, field, kind)
  return is_new


def _params(rows: vectors_lib.Joined) -> models.VectorParams:
  halves = all(part.stored.dtype == np.float16 for part in rows.parts)
  return models.VectorParams(
      size=rows.dim, distance=models.Distance.DOT,
      datatype=models.Datatype.FLOAT16 if halves else models.Datatype.FLOAT32)


def _mark(client: qdrant_client.QdrantClient, name: str, about: dict[str, Any],
          fingerprint: str | None) -> None:
  """Says in the collection which gallery it holds whole; None while it is not.
  """
  client.update_collection(
      name, metadata={KEY: about | {'fingerprint': fingerprint}})


def _missing(client: qdrant_client.QdrantClient, name: str,
             rows: Int[np.ndarray, 'n']) -> Int[np.ndarray, 'm']:
  there = client.retrieve(name, rows.tolist(), with_payload=False)
  return np.setdiff1d(rows, [point.id for point in there])


def _points(gallery: galleries.Gallery,
            channels: dict[str, vectors_lib.Joined],
            rows: Int[np.ndarray, 'n']) -> models.Batch:
  return models.Batch(
      ids=rows.tolist(), payloads=_payloads(gallery, rows),
      vectors={name: some.take(rows).tolist()
               for name, some in channels.items()})


def _payloads(gallery: galleries.Gallery,
              rows: Int[np.ndarray, 'n']) -> Sequence[dict[str, Any]]:
  texts = {
      'id': gallery.ids(rows),
      'source': np.asarray(types.SOURCES)[gallery.source[rows]],
      **{name: column.decode(rows) for name, column in (
          ('author', gallery.authors), ('sequence', gallery.sequences),
          ('country', gallery.countries), ('admin1', gallery.admin1),
          ('licence', gallery.licences))}}
  columns = {name: column.tolist() for name, column in texts.items()}
  return [
      {'place': {'lat': lat, 'lon': lng},
       **{name: text for name, text in zip(columns, words) if text}}
      for (lat, lng), *words in zip(gallery.latlng_deg[rows].tolist(),
                                    *columns.values())]


def _verify(gallery: galleries.Gallery, client: qdrant_client.QdrantClient,
            name: str, channels: dict[str, vectors_lib.Joined],
            rows: Int[np.ndarray, 'n']) -> None:
  """Refuses a collection with other points than the gallery's rows."""
  count = client.count(name, exact=True).count
  if count != gallery.num_live:
    raise ValueError(
        f'collection {name!r} holds {count:,} points, the gallery '
        f'{gallery.num_live:,} rows that can answer: somebody else writes '
        f'there; delete the collection and export again')
  wanted = _points(gallery, channels, rows)
  points = {point.id: point for point in client.retrieve(
      name, rows.tolist(), with_payload=True, with_vectors=True)}
  for i, row in enumerate(rows.tolist()):
    point = points.get(row)
    if point is None or point.payload != wanted.payloads[i] or any(
        not np.array_equal(np.asarray(point.vector[channel], np.float32),
                           np.asarray(wanted.vectors[channel][i], np.float32))
        for channel in channels):
      raise ValueError(f'collection {name!r}: point {row} is not row {row} of '
                       f'{gallery.path}; delete the collection and export '
                       f'again')

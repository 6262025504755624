"""Neighbour lists and density on disk: flat files in a gallery's folder.

  neighbourhoods.json       rows, the gallery's rows_key, checksums
  SOURCE_rows.i32.bin       [m]        SOURCE_starts.i64.bin   [g]
  SOURCE_dist_km.f32.bin    [m]        SOURCE_counts.i32.bin   [g]
  density.i32.bin           [g, 2 radii, 2 sources]

They cover all rows, deleted ones too: a mask hides those. They stay valid until
rows are added or the gallery is compacted.

A k-d tree over the distinct places of a source proposes the nearest rows of
that source; wherever two of its distances are too close to call, great-circle
distances and row ids decide:

  places of street ◀── 34 nearest ── places of all rows   sure: the tree's order
        │                                                 tie:  decided
        └── rows of each place, ascending ──▶ cut at 33         exactly

A row stands in the list of its own source, too: rows at one place share a list.
"""

from collections.abc import Iterator, Sequence
import dataclasses
import math
import pathlib

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.disk import files as disk
from pinpoint_jax.disk import sealed
from pinpoint_jax.gallery import density, layout
from pinpoint_jax.gallery import gallery as galleries
from pinpoint_jax.geo import coords, distance, neighbors
from pinpoint_jax.search import row_sets
import scipy

RADIUS_KM = 25.
# Neighbours of a row that are looked at, of each source.
MOST = 32
# A list may hold the row itself.
LISTED = MOST + 1
# Distances closer than this may stand in either order in the tree.
_SLACK_KM = 1e-8
# Places whose candidates are alive at a time.
_BLOCK = 1 << 15


@dataclasses.dataclass(frozen=True)
class NeighbourLists:
  """Rows of one source within 25 km of each gallery row, at most 33.

  The nearest first, ties by row. Rows at one place share one list.

  Attributes:
    rows: gallery rows, list after list, int32 [m].
    dist_km: how far each is, float32 [m].
    starts: where the list of each gallery row begins, int64 [g].
    counts: how long it is, int32 [g].
  """

  rows: Int[np.ndarray, 'm']
  dist_km: Float[np.ndarray, 'm']
  starts: Int[np.ndarray, 'g']
  counts: Int[np.ndarray, 'g']

  def __len__(self) -> int:
    return len(self.starts)

  def of(self, row: int) -> Int[np.ndarray, 'm_of_row']:
    """The list of one gallery row."""
    return self.rows[self.starts[row]:self.starts[row] + self.counts[row]]


@dataclasses.dataclass(frozen=True)
class _Places:
  """Distinct places of some gallery rows, by the lowest row at each.

  Attributes:
    latlng_deg: where they are, [p, 2].
    rows: the rows at each place.
  """

  latlng_deg: Float[np.ndarray, 'p 2']
  rows: types.RowSets


def build_lists(latlng_deg: Float[np.ndarray, 'g 2'],
                sources: UInt8[np.ndarray, 'g'],
                ) -> tuple[NeighbourLists, ...]:
  """Lists of all rows, for each of types.SOURCES the rows of that source.

  The tree works on all cores; memory grows with the lists, not with how
  crowded a city is.
  """
  coords.check_latlng_deg(latlng_deg, 'gallery', allow_null_island=True)
  parts = [_distinct(latlng_deg, np.flatnonzero(sources == source))
           for source in range(len(types.SOURCES))]
  return tuple(_lists_of(parts, listed, len(sources)) for listed in parts)


def _lists_of(parts: Sequence[_Places], listed: _Places,
              num_rows: int) -> NeighbourLists:
  """Lists of every row, of the rows at the listed places."""
  starts = np.zeros(num_rows, np.int64)
  counts = np.zeros(num_rows, np.int32)
  pieces, end = [], 0
  for own in parts:
    for block, lists in _lists(own, listed):
      at_place = np.diff(own.rows.offsets)[block]
      rows = own.rows.rows[own.rows.offsets[block.start]:][:at_place.sum()]
      starts[rows] = np.repeat(end + lists.starts, at_place)
      counts[rows] = np.repeat(lists.counts, at_place)
      pieces.append(lists)
      end += len(lists.rows)
  rows = np.concatenate([np.zeros(0, np.int32), *(x.rows for x in pieces)])
  dist_km = np.concatenate(
      [np.zeros(0, np.float32), *(x.dist_km for x in pieces)])
  return NeighbourLists(rows, dist_km, starts, counts)


def _distinct(latlng_deg: np.ndarray, rows: np.ndarray) -> _Places:
  xyz = coords.to_xyz(latlng_deg[rows])
  # The sort is stable: the first of each run is the lowest row of its place.
  order = np.lexsort(xyz.T)
  new = np.ones(len(rows), bool)
  new[1:] = np.any(np.diff(xyz[order], axis=0) != 0, axis=1)
  first = np.flatnonzero(new)
  counts = np.diff(np.append(first, len(rows)))
  by_row = np.argsort(order[first])
  first, counts = first[by_row], counts[by_row]
  grouped = rows[order[row_sets.ranges(first, counts)]]
  return _Places(latlng_deg[rows[order[first]]],
                 row_sets.from_counts(grouped, counts))


def _lists(own: _Places,
           other: _Places) -> Iterator[tuple[slice, NeighbourLists]]:
  """Lists of own places from other places, block by block."""
  if not len(other.latlng_deg):
    return
  exact = neighbors.SphereIndex(other.latlng_deg)
  tree = scipy.spatial.cKDTree(coords.to_xyz(other.latlng_deg))
  for block in blocks.slices(len(own.latlng_deg), _BLOCK):
    latlng_deg = own.latlng_deg[block]
    places, dist_km, unsure = _nearest(tree, latlng_deg)
    if unsure.any():
      nearest = exact.nearest(latlng_deg[unsure], LISTED)
      places[unsure], dist_km[unsure] = nearest.rows, nearest.dist_km
    yield block, _to_rows(other.rows, places, dist_km, unsure)


def _nearest(tree: 'scipy.spatial.cKDTree', latlng_deg: np.ndarray) -> tuple[
    np.ndarray, np.ndarray, Bool[np.ndarray, 'b']]:
  """Nearest places [b, 33], their km, and which queries have near ties."""
  chords, places = tree.query(
      coords.to_xyz(latlng_deg), k=LISTED + 1, workers=-1,
      distance_upper_bound=distance.km_to_chord(RADIUS_KM + 2 * _SLACK_KM))
  dist_km = np.full(chords.shape, np.inf)
  near = np.isfinite(chords)
  dist_km[near] = distance.chord_to_km(chords[near])
  steps = np.where(near[:, 1:], dist_km[:, 1:], 1e9) - np.where(
      near[:, :-1], dist_km[:, :-1], 0)
  unsure = (np.any(steps <= _SLACK_KM, axis=1)
            | np.any(np.abs(dist_km - RADIUS_KM) <= _SLACK_KM, axis=1))
  return places[:, :LISTED], dist_km[:, :LISTED], unsure


def _to_rows(at_place: types.RowSets, places: np.ndarray, dist_km: np.ndarray,
             unsure: np.ndarray) -> NeighbourLists:
  """Rows of the places within the radius, the first 33 of each query."""
  query, slot = np.nonzero(dist_km <= RADIUS_KM)
  places, dist_km = places[query, slot], dist_km[query, slot]
  first = at_place.offsets[places]
  # Of many rows at one place only the lowest 33 can be needed.
  counts = np.minimum(at_place.offsets[places + 1] - first, LISTED)
  rows = at_place.rows[row_sets.ranges(first, counts)]
  query, dist_km = np.repeat(query, counts), np.repeat(dist_km, counts)
  ties = np.flatnonzero(unsure[query])
  order = ties[np.lexsort((rows[ties], dist_km[ties], query[ties]))]
  rows[ties], dist_km[ties] = rows[order], dist_km[order]
  totals = np.bincount(query, minlength=len(unsure))
  kept = np.arange(len(rows)) - np.repeat(
      np.cumsum(totals) - totals, totals) < LISTED
  counts = np.minimum(totals, LISTED)
  return NeighbourLists(
      rows[kept].astype(np.int32), dist_km[kept].astype(np.float32),
      np.cumsum(counts) - counts, counts.astype(np.int32))


VERSION = 2
MANIFEST = 'neighbourhoods.json'
_DTYPES = {'rows': '<i4', 'dist_km': '<f4', 'starts': '<i8', 'counts': '<i4'}
_DENSITY = 'density.i32.bin'
# What the numbers mean: others are refused.
_SETTINGS = {'version': VERSION, 'radius_km': RADIUS_KM,
             'most': MOST,
             'density_km': list(density.RADII_KM)}


KIND = sealed.Kind(
    'folder of neighbour lists', ValueError,
    'build the neighbour lists again',
    {name: type(value) for name, value in _SETTINGS.items()}
    | {'gallery': str, 'num_rows': int, 'num_listed': list, 'files': dict},
    versions=(VERSION,), manifest=MANIFEST)


@dataclasses.dataclass(frozen=True)
class Neighbourhoods:
  """What lies around each gallery row.

  Attributes:
    lists: the nearest rows of each of types.SOURCES.
    density: rows within 1 and 25 km, itself too, by source, int32 [g, 2, 2].
  """

  lists: tuple[NeighbourLists, ...]
  density: Int[np.ndarray, 'g r s']

  def __len__(self) -> int:
    return len(self.density)


def build(latlng_deg: Float[np.ndarray, 'g 2'],
          sources: UInt8[np.ndarray, 'g']) -> Neighbourhoods:
  """Lists and density of all gallery rows."""
  return Neighbourhoods(build_lists(latlng_deg, sources),
                        density.count(latlng_deg, sources))


def save(neighbourhoods: Neighbourhoods, folder: pathlib.Path,
         rows_key: str) -> None:
  """Writes a new folder, whole or not at all, for the gallery so named."""
  arrays = {_DENSITY: np.ascontiguousarray(neighbourhoods.density, '<i4')}
  for source, lists in zip(types.SOURCES, neighbourhoods.lists):
    arrays |= {_file(source, name): np.ascontiguousarray(
        getattr(lists, name), dtype) for name, dtype in _DTYPES.items()}
  disk.remove_partials(folder)
  with sealed.writing(folder, sum(x.nbytes for x in arrays.values())) as draft:
    for name, values in arrays.items():
      draft.write(name, values.tobytes())
    draft.publish(folder, KIND, {
        **_SETTINGS, 'gallery': rows_key, 'num_rows': len(neighbourhoods),
        'num_listed': [len(lists.rows) for lists in neighbourhoods.lists]})


def _file(source: str, name: str) -> str:
  kind = np.dtype(_DTYPES[name])
  return f'{source}_{name}.{kind.kind}{8 * kind.itemsize}.bin'


def load(folder: pathlib.Path, rows_key: str,
         read_all: bool = False) -> Neighbourhoods:
  """Memory-maps a folder; every byte was verified, now or before.

  Refuses one that belongs to another gallery than `rows_key` names; `read_all`
  reads files too that were verified before.
  """
  manifest = sealed.read_manifest(folder, KIND)
  for name, value in _SETTINGS.items():
    if manifest[name] != value:
      raise ValueError(
          f'{folder / MANIFEST}: {name} is {manifest[name]!r}, this program '
          f'reads {value!r}; {KIND.remedy}')
  if manifest['gallery'] != rows_key:
    raise ValueError(
        f'{folder} was built for gallery {manifest["gallery"]}, this is '
        f'gallery {rows_key}: build the neighbour lists again')
  shapes = _shapes(folder, manifest['num_rows'], manifest['num_listed'])
  files = sealed.Files(folder, manifest['files'], KIND)
  files.check_sizes({name: np.dtype(dtype).itemsize * math.prod(shape)
                     for name, (dtype, shape) in shapes.items()})
  if read_all:
    files.verify()
  arrays = {name: files.array(name, dtype, shape)
            for name, (dtype, shape) in shapes.items()}
  return Neighbourhoods(tuple(NeighbourLists(**{
      name: arrays[_file(source, name)] for name in _DTYPES})
                              for source in types.SOURCES), arrays[_DENSITY])


def _shapes(folder: pathlib.Path, num_rows: int,
            num_listed: list) -> dict[str, tuple[str, tuple[int, ...]]]:
  """Dtype and shape of every file."""
  if len(num_listed) != len(types.SOURCES) or not all(
      isinstance(num, int) and num >= 0 for num in num_listed):
    raise ValueError(f'{folder / MANIFEST}: num_listed is {num_listed}, not a '
                     f'number for each of {types.SOURCES}; {KIND.remedy}')
  shapes = {_DENSITY: ('<i4', (
      num_rows, len(density.RADII_KM), len(types.SOURCES)))}
  for source, num in zip(types.SOURCES, num_listed):
    lengths = {'rows': num, 'dist_km': num,
               'starts': num_rows, 'counts': num_rows}
    shapes |= {_file(source, name): (_DTYPES[name], (length,))
               for name, length in lengths.items()}
  return shapes


def load_or_build(gallery: galleries.Gallery) -> Neighbourhoods:
  """The gallery's own, or, where it has none, new ones for this process."""
  if folder_of(gallery).exists():
    return load(folder_of(gallery), gallery.rows_key())
  return build(gallery.latlng_deg, gallery.source)


def is_sound(gallery: galleries.Gallery) -> bool:
  """Whether there are any; refuses damaged or foreign ones."""
  if not folder_of(gallery).exists():
    return False
  load(folder_of(gallery), gallery.rows_key(), read_all=True)
  return True


def build_beside(path: str | pathlib.Path) -> None:
  """Builds and keeps those of a gallery that has none."""
  with layout.writing(pathlib.Path(path)):
    gallery = galleries.open_gallery(path)
    if not folder_of(gallery).exists():
      folder_of(gallery).parent.mkdir(exist_ok=True)
      save(build(gallery.latlng_deg, gallery.source), folder_of(gallery),
           gallery.rows_key())


def folder_of(gallery: galleries.Gallery) -> pathlib.Path:
  """Where they lie, or would."""
  return layout.derived(gallery.path, 'neighbours', gallery.rows_key())

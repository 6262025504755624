"""How many rows of each source lie near each gallery row, counted exactly.

A city of n rows has n² pairs. Crowded rows are therefore counted cell by cell:

      ┌──┬──┬──┬──┬──┐    A  a cell of rows that ask
      │  │ b│ b│ b│  │    i  inside for every row of A: counted whole
      ├──┼──┼──┼──┼──┤    b  cut by somebody's circle: row by row
      │ b│ i│ i│ i│ b│       elsewhere: none
      ├──┼──┼──┼──┼──┤
      │ b│ i│ A│ i│ b│    Scattered rows search a k-d tree singly.

For a query that may not see all rows:

  counted for all once     rows within 1 and 25 km of every gallery row
  − what the mask hides    the query itself, its author, rows too near

Without the second line a photo that searches its own gallery would find its own
place by the one row too many.
"""

from concurrent import futures
import dataclasses

from jaxtyping import Bool, Float, Int, UInt8
import numpy as np
from pinpoint_jax import blocks, types
from pinpoint_jax.geo import coords, distance
from pinpoint_jax.search import exact_scores, masks, row_sets, scan
import scipy

RADII_KM = (1., 25.)
# Rows in a cell: from so many on it is queried as one, above so many it splits.
_CROWDED, _FULL = 12, 128
# Sides of cells are the globe's diameter / 2^level: from 3.1 km to 200 m.
_LEVELS = range(12, 17)
# Cells whose neighbours are alive at a time.
_BLOCK = 256
# Rows compared at a time: their distances stay in the cache.
_COLUMNS = 2048


@dataclasses.dataclass(frozen=True)
class _Cells:
  """Gallery rows sorted into cells of the sphere.

  Attributes:
    order: gallery rows, cell after cell, by source within one, [g].
    starts: where each cell begins in `order`, and g, [c + 1].
    by_source: rows of each source in each cell, [c, 2].
    centers: the middle of each cell's rows, [c, 3].
    reach: from there to the farthest of its rows, [c].
  """

  order: Int[np.ndarray, 'g']
  starts: Int[np.ndarray, 'c_plus_1']
  by_source: Int[np.ndarray, 'c s']
  centers: Float[np.ndarray, 'c 3']
  reach: Float[np.ndarray, 'c']


def count(latlng_deg: Float[np.ndarray, 'g 2'],
          sources: UInt8[np.ndarray, 'g']) -> Int[np.ndarray, 'g r s']:
  """Rows within each of RADII_KM of each row, itself too, int32 [g, 2, 2].

  By source in the order of types.SOURCES. A row within some nanometres of the
  radius may count or not.
  """
  coords.check_latlng_deg(latlng_deg, 'gallery', allow_null_island=True)
  xyz = coords.to_xyz(latlng_deg)
  counts = [count_at(xyz, sources, np.arange(len(xyz)), RADII_KM[0]),
            _count_crowded(xyz, sources, RADII_KM[1])]
  return np.stack(counts, axis=1)


def count_at(
    xyz: Float[np.ndarray, 'g 3'], sources: UInt8[np.ndarray, 'g'],
    rows: Int[np.ndarray, 'n'], radius_km: float | int) -> Int[
        np.ndarray, 'n s']:
  """Rows of each source within radius_km of some rows, one tree each."""
  counts = np.zeros((len(rows), len(types.SOURCES)), np.int32)
  for source in range(len(types.SOURCES)):
    tree = scipy.spatial.cKDTree(xyz[sources == source], leafsize=64)
    if tree.n and len(rows):
      counts[:, source] = tree.query_ball_point(
          xyz[rows], distance.km_to_chord(radius_km), return_length=True,
          workers=-1)
  return counts


def _count_crowded(xyz: np.ndarray, sources: np.ndarray,
                   radius_km: float) -> Int[np.ndarray, 'g s']:
  """As `count_at` of all rows, for radii far above the cells' size."""
  counts = np.zeros((len(xyz), len(types.SOURCES)), np.int32)
  if not len(xyz):
    return counts
  cells = _cells(xyz, sources)
  sizes = np.diff(cells.starts)
  crowded = np.flatnonzero(sizes >= _CROWDED)
  tree = scipy.spatial.cKDTree(cells.centers)
  chord = distance.km_to_chord(radius_km)
  xyz, sources = xyz[cells.order], sources[cells.order]
  counted = np.zeros_like(counts)
  def count_block(at: slice) -> None:
    block = crowded[at]
    reach = chord + cells.reach[block] + cells.reach.max()
    near = tree.query_ball_point(cells.centers[block], reach,
                                 return_sorted=False)
    for cell, others in zip(block, near):
      rows = slice(cells.starts[cell], cells.starts[cell + 1])
      counted[rows] = _count_cell(
          cells, cell, np.asarray(others), xyz, sources, chord)
  with (scan.one_thread() as alone, futures.ThreadPoolExecutor(
      exact_scores.THREADS if alone else 1) as pool):
    list(pool.map(count_block, blocks.slices(len(crowded), _BLOCK)))
  scattered = np.flatnonzero(np.repeat(sizes < _CROWDED, sizes))
  counted[scattered] = count_at(xyz, sources, scattered, radius_km)
  counts[cells.order] = counted
  return counts


def _count_cell(
    cells: _Cells, cell: np.integer, others: np.ndarray, xyz: np.ndarray,
    sources: np.ndarray, chord: float) -> Int[np.ndarray, 'n s']:
  """Counts for the rows of one cell, given the cells around it."""
  center = cells.centers[cell]
  apart = np.linalg.norm(cells.centers[others] - center, axis=1)
  spread = cells.reach[cell] + cells.reach[others]
  inside = apart + spread < chord
  cut = others[~inside & (apart - spread <= chord)]
  rows = row_sets.ranges(
      cells.starts[cut], cells.starts[cut + 1] - cells.starts[cut])
  asking = xyz[cells.starts[cell]:cells.starts[cell + 1]] - center
  whole = cells.by_source[others[inside]].sum(axis=0)
  return whole + np.stack(
      [_num_near(asking, xyz[rows[sources[rows] == source]] - center, chord)
       for source in range(len(types.SOURCES))], axis=1)


def _num_near(a: np.ndarray, b: np.ndarray,
              chord: float) -> Int[np.ndarray, 'n']:
  """How many b [m, 3] lie within the chord of each a [n, 3]."""
  # Both are small vectors around one centre: nothing cancels.
  left = np.hstack([a, np.ones((len(a), 1))])
  left[:, :3] *= -2
  far = np.sum(a * a, axis=1)
  counts = np.zeros(len(a), np.int64)
  for start in range(0, len(b), _COLUMNS):
    part = b[start:start + _COLUMNS]
    right = np.hstack([part, np.sum(part * part, axis=1, keepdims=True)])
    near = left @ right.T <= (chord * chord - far)[:, None]
    counts += np.bitwise_count(np.packbits(near, axis=1)).sum(
        axis=1, dtype=np.int64)
  return counts


def _cells(xyz: np.ndarray, sources: np.ndarray) -> _Cells:
  codes = _interleaved(xyz)
  order = np.lexsort((sources, codes))
  codes = codes[order]
  new, full = np.zeros(len(codes), bool), np.ones(len(codes), bool)
  new[0] = True
  for level in _LEVELS:
    at_level = codes >> 3 * (_LEVELS[-1] - level)
    new[1:] |= full[1:] & (np.diff(at_level) != 0)
    sizes = np.diff(np.append(np.flatnonzero(new), len(new)))
    full = np.repeat(sizes > _FULL, sizes)
  starts = np.flatnonzero(new)
  sizes = np.diff(np.append(starts, len(new)))
  xyz = xyz[order]
  centers = np.add.reduceat(xyz, starts) / sizes[:, None]
  away = np.linalg.norm(xyz - np.repeat(centers, sizes, axis=0), axis=1)
  by_source = np.add.reduceat(
      sources[order][:, None] == np.arange(len(types.SOURCES)), starts,
      dtype=np.int32)
  # Rounding must not leave a row outside its own cell's reach.
  reach = np.maximum.reduceat(away, starts) + 1e-14
  return _Cells(order, np.append(starts, len(new)), by_source, centers, reach)


def _interleaved(xyz: np.ndarray) -> Int[np.ndarray, 'g']:
  """The finest cube each place is in; leading bits name the cubes around."""
  bits = _LEVELS[-1]
  cubes = np.clip(((xyz + 1) * 2 ** (bits - 1)).astype(np.int64), 0,
                  2 ** bits - 1)
  codes = np.zeros(len(xyz), np.int64)
  for bit in range(bits):
    for axis in range(3):
      codes |= (cubes[:, axis] >> bit & 1) << (3 * bit + axis)
  return codes


_CHORDS = tuple(distance.km_to_chord(km) for km in RADII_KM)


def visible_counts(
    candidates: Int[np.ndarray, 'b k'], counted: Int[np.ndarray, 'g 2 2'],
    xyz: Float[np.ndarray, 'g 3'], sources: UInt8[np.ndarray, 'g'],
    mask: masks.Mask) -> Int[np.ndarray, 'b k 2 2']:
  """Rows within 1 and 25 km of each candidate, by source, less those that the
  mask excludes for the query; 0 in padded slots.

  Rows deleted count as long as they lie in the gallery's files.
  """
  real = candidates >= 0
  safe = np.maximum(candidates, 0)
  counts = np.where(real[..., None, None], counted[safe], 0)
  for query in range(len(candidates)):
    hidden = mask.excluded.of(query)
    if len(hidden):
      counts[query] -= real[query, :, None, None] * _near(
          xyz[safe[query]], xyz[hidden], sources[hidden] == 1)
  return np.maximum(counts, 0).astype(np.int32)


def _near(at: Float[np.ndarray, 'k 3'], hidden: Float[np.ndarray, 'h 3'],
          street: Bool[np.ndarray, 'h']) -> Int[np.ndarray, 'k 2 2']:
  """How many of the hidden places are near each candidate, by source."""
  # By differences: products of unit vectors are blind below some metres.
  squares = sum((at[:, axis, None] - hidden[None, :, axis])**2
                for axis in range(3))
  near = [squares <= chord**2 for chord in _CHORDS]
  return np.stack([np.stack([np.count_nonzero(x & ~street[None], axis=1),
                             np.count_nonzero(x & street[None], axis=1)], -1)
                   for x in near], axis=1)

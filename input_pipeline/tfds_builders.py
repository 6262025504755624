"""TFDS builders over our readers: array_record files, no TensorFlow.

A builder writes the original bytes, in the order of the table, so row i of
the data source is row i of `source.photos`. What cannot be read is left out
and listed in the builder's metadata. Each (data, seed) has its own folder.

  source = tfds_builders.data_source(
      tfds_builders.OwnPhotos({'main': folder.read_folder('photos')}, dir),
      'main')
  source[3]['image']  # The bytes of the file.

`prepare` writes what `open_source` opens as `tfds:NAME`.
"""

from collections.abc import Iterator, Mapping, Sequence
import hashlib
import io
import pathlib
from typing import Any

from input_pipeline import open_source, prepared, sources
from input_pipeline.feature_earth import world as worlds
import numpy as np
from pinpoint_jax.images import decode
import tensorflow_datasets as tfds


class OwnPhotos(tfds.core.GeneratorBasedBuilder):
  """Any photo sources, such as a folder or a CSV, as splits of a data set."""

  VERSION = tfds.core.Version(prepared.VERSION)

  def __init__(self, splits: Mapping[str, sources.PhotoSource],
               data_dir: str | pathlib.Path, config: str | None = None):
    self._splits = dict(splits)
    self._facts = tfds.core.MetadataDict(
        {'left_out': [], 'notes': [note for source in self._splits.values()
                                   for note in source.notes]})
    name = config or _fingerprint(self._splits)
    super().__init__(file_format='array_record', data_dir=str(data_dir),
                     config=tfds.core.BuilderConfig(name=name))

  def _info(self) -> tfds.core.DatasetInfo:
    text = tfds.features.Text()
    return tfds.core.DatasetInfo(
        builder=self, disable_shuffling=True, metadata=self._facts,
        features=tfds.features.FeaturesDict({
            'image': tfds.features.Image(), 'id': text, 'author': text,
            'sequence': text, 'source': text,
            # As bytes: TFDS would round float64 to float32.
            'latlng_deg': tfds.features.Tensor(
                shape=(2,), dtype=np.float64, encoding='bytes'),
        }))

  def _split_generators(self, dl_manager: Any) -> dict[str, Iterator[Any]]:
    del dl_manager  # Nothing is downloaded.
    return {name: self._generate_examples(name) for name in self._splits}

  def _generate_examples(self, split: str) -> Iterator[tuple[int, Any]]:
    source = self._splits[split]
    for row in range(len(source.photos)):
      try:
        yield row, _example(source, row)
      except decode.BadImage as error:
        self._facts['left_out'].append(
            {'split': split, 'id': str(source.photos.ids[row]),
             'reason': error.reason, 'text': str(error)})


class SyntheticEarth(OwnPhotos):
  """Synthetic Earth, drawn once into array_record files."""

  def __init__(self, data_dir: str | pathlib.Path, size: str = 'tiny',
               seed: int = 0,
               splits: Sequence[str] = worlds.SPLITS):
    chosen = '' if tuple(splits) == worlds.SPLITS else '-'.join(
        ('', *sorted(splits)))
    super().__init__(
        {name: open_source.open_source('synthetic_earth', size=size, seed=seed,
                                       split=name) for name in splits},
        data_dir, f'{size}-seed{seed}{chosen}')


def data_source(builder: OwnPhotos, split: str) -> Sequence[Any]:
  """The split by random access, written first if it is not there yet.

  Rows hold the undecoded file (`image`), `id`, `author`, `sequence`, `source`
  as bytes and `latlng_deg` as float64 [2].
  """
  builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(num_shards=None))
  if split not in builder.info.splits:
    raise ValueError(f'split {split!r}: choices are '
                     f'{sorted(builder.info.splits)}')
  return builder.as_data_source(
      split=split, decoders={'image': tfds.decode.SkipDecoding()})


def prepare(name: str, splits: Mapping[str, sources.PhotoSource],
            data_dir: str | pathlib.Path) -> pathlib.Path:
  """Writes the data set that `tfds:NAME` opens; its folder.

  What is there already stays, if it has the same splits.
  """
  builder = OwnPhotos(splits, data_dir, name)
  builder.download_and_prepare(
      download_config=tfds.download.DownloadConfig(num_shards=None))
  folder = pathlib.Path(builder.data_dir)
  if set(builder.info.splits) != set(splits):
    raise ValueError(f'{folder} has the splits {sorted(builder.info.splits)}, '
                     f'not {sorted(splits)}: name all of them, or remove it')
  left_out = {(entry['split'], entry['id'])
              for entry in builder.info.metadata['left_out']}
  for split, source in splits.items():
    rows = np.flatnonzero([(split, name) not in left_out
                           for name in source.photos.ids.tolist()])
    if not prepared.table_path(folder, split).exists():
      prepared.write_table(folder, split, source, rows)
    there = prepared.PreparedPhotos(folder, split).photos.fingerprint()
    if there != source.photos.take(rows).fingerprint():
      raise ValueError(f'{folder} has other photos of {split} than are to be '
                       f'written: remove it, or name another folder')
  return folder


def _example(source: sources.PhotoSource, row: int) -> dict[str, Any]:
  photos = source.photos
  return {'image': io.BytesIO(source.read(row)), 'id': str(photos.ids[row]),
          'author': str(photos.authors[row]),
          'sequence': str(photos.sequences[row]), 'source': photos.source,
          'latlng_deg': photos.latlng_deg[row]}


def _fingerprint(splits: Mapping[str, sources.PhotoSource]) -> str:
  parts = [f'{name}:{source.photos.fingerprint()}'
           for name, source in sorted(splits.items())]
  return 'photos-' + hashlib.sha256('\n'.join(parts).encode()).hexdigest()[:12]

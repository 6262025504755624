"""Matches rows of a table with image files by their names."""

from collections.abc import Iterable

from input_pipeline.datasets import file_photos


def key(name: str) -> str:
  """The part in which an id and a file name agree: no extension, '_' for '/'.

  Ids of MP16 are a/b/1.jpg in some tables and a_b_1 in others. Only
  an image's extension is taken off: other dots may belong to the id.
  """
  if '.' not in name and '/' not in name:
    return name
  stem, dot, extension = name.rpartition('.')
  if dot and f'.{extension.lower()}' in file_photos.EXTENSIONS:
    name = stem
  return name.replace('/', '_')


def number(names: Iterable[str]) -> tuple[dict[str, int], int]:
  """Key → position of the name, and how many names another one replaced.

  Of two the last counts, as in a tar that was appended to.
  """
  places, total = {}, 0
  for total, name in enumerate(names, 1):
    places[key(name)] = total - 1
  return places, total - len(places)

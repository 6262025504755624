"""Which steps are compiled for which slices, at which sizes."""

from collections.abc import Iterator, Sequence
import dataclasses
from typing import Any

from benchmarks import pod_chips, pod_steps

SMALL, POD, CUBE = 'v5e:4x4', 'v5e:16x16', 'v5p:4x4x4'
_GALLERY = 9_200_000


@dataclasses.dataclass(frozen=True)
class Case:
  """One step on one slice.

  Attributes:
    step: of pod_steps.STEPS.
    preset: settings, as pod_steps reads them.
    size: rows of each source, queries, photos of each chip, or gallery rows.
    topology: of the slice, as libtpu names it.
    too_large: whether the compiler has to find that it does not fit.
  """

  step: str
  preset: str
  size: int
  topology: str
  too_large: bool = False

  @property
  def name(self) -> str:
    """Of the case, in results."""
    words = (self.step, self.preset, str(self.size), self.topology)
    return ' '.join(word for word in words if word)

  @property
  def kind(self) -> str:
    """Of the chips."""
    return self.topology.partition(':')[0]

  @property
  def chip(self) -> pod_chips.Chip:
    """What one of them can do."""
    return pod_chips.CHIPS[self.kind]

  def trace(self, devices: Sequence[Any]) -> pod_steps.Step:
    """The step on those devices."""
    return pod_steps.STEPS[self.step](devices, self.size, self.preset)

  def record(self) -> dict[str, Any]:
    """Its part of the results."""
    return dataclasses.asdict(self) | {'name': self.name, 'kind': self.kind}


def _cases() -> Iterator[Case]:
  embedder, reranker = 'train_embedder', 'train_reranker'
  for topology in (SMALL, POD):
    yield Case(embedder, 'float32', 8192, topology)
  for topology in (SMALL, POD, CUBE):
    yield Case(embedder, 'bf16', 8192, topology)
    yield Case(embedder, 'bf16', 65_536, topology)
  yield Case(embedder, 'bf16,ring', 8192, POD)
  yield Case(embedder, 'bf16,fsdp=16', 8192, POD)
  yield Case(embedder, 'bf16,fsdp=16', 65_536, POD)
  for topology in (SMALL, POD):
    yield Case(reranker, 'float32', 1024, topology)
  for topology in (SMALL, POD, CUBE):
    yield Case(reranker, 'bf16', 1024, topology)
  yield Case(reranker, 'bf16,fsdp=8', 1024, POD)
  yield Case(reranker, 'kind=interaction', 1024, SMALL)
  for batch in (64, 128):
    yield Case('extract_features', pod_steps.BACKBONE, batch, SMALL)
  yield Case('extract_features', pod_steps.BACKBONE, 256, SMALL, True)
  yield Case('extract_features', f'{pod_steps.BACKBONE},weights=bfloat16', 128,
             SMALL)
  yield Case('extract_features', pod_steps.BACKBONE, 64, POD)
  yield Case('extract_features', pod_steps.BACKBONE, 256, CUBE)
  for topology in (SMALL, POD, CUBE):
    yield Case('exact_search', '', _GALLERY, topology)


CASES = tuple(_cases())

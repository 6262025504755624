"""The named mesh on which everything is trained.

  data   devices that hold different rows of a batch and the same weights
  fsdp   devices that also split the weights between them

A batch is split over both axes; weights over `fsdp` alone. The mesh is always
an argument, never ambient.
"""

from collections.abc import Sequence

import jax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

# Gradients are summed over it once a step: it may span slow links.
DATA = 'data'
# Weights are gathered over it once a step: keep it on fast links.
FSDP = 'fsdp'
BATCH = (DATA, FSDP)


def make(data: int = -1, fsdp: int = 1,
         devices: Sequence[jax.Device] | None = None) -> Mesh:
  """A mesh of data × fsdp devices; -1 takes as many as there are."""
  devices = list(jax.devices() if devices is None else devices)
  if fsdp < 1 or (data < 1 and data != -1):
    raise ValueError(f'mesh data={data}, fsdp={fsdp}: both count devices '
                     f'(data=-1 takes the rest)')
  num_devices = len(devices) if data == -1 else data * fsdp
  if num_devices % fsdp or num_devices > len(devices):
    raise ValueError(f'mesh data={data} × fsdp={fsdp} does not fit '
                     f'{len(devices)} devices')
  # Auto axes: the compiler places collectives from the shardings we state.
  return jax.make_mesh((num_devices // fsdp, fsdp), BATCH,
                       devices=devices[:num_devices],
                       axis_types=(AxisType.Auto,) * 2)


def split(mesh: Mesh) -> NamedSharding:
  """Rows of a batch, over all devices."""
  return NamedSharding(mesh, PartitionSpec(BATCH))


def whole(mesh: Mesh) -> NamedSharding:
  """A copy on every device."""
  return NamedSharding(mesh, PartitionSpec())

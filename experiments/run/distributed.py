"""Several processes as one run."""

import jax
from ml_collections import config_dict


def begin(config: config_dict.ConfigDict) -> None:
  """Joins the other processes of a run; nothing to do for one process.

  coordinator 'auto' finds them by itself on TPU pods and under SLURM.
  """
  about = config.distributed
  if not about.coordinator:
    if about.num_processes != 1 or about.process_id:
      raise ValueError('--config.distributed.coordinator is empty, but several '
                       'processes are asked for: name HOST:PORT of process 0')
    return
  if jax.config.jax_platforms == 'cpu':
    jax.config.update('jax_cpu_collectives_implementation', 'gloo')
  if about.coordinator == 'auto':
    jax.distributed.initialize()
    return
  jax.distributed.initialize(
      about.coordinator, about.num_processes, about.process_id)

"""Compiler options for a backbone's forward pass.

  apply = jax.jit(model.apply, compiler_options=compiling.options())
"""

import functools

import jax

# XLA hands CPU products to YNNPACK by default; without it they go to Eigen,
# which was a few percent faster for these shapes (benchmarks/vit_bench.py).
_CPU = {'xla_cpu_experimental_ynn_fusion_type': ''}


@functools.cache
def options() -> dict[str, str]:
  """What makes products fast on the default backend; {} where nothing does."""
  if jax.default_backend() != 'cpu':
    return {}
  try:
    jax.jit(lambda: 0, compiler_options=_CPU).lower().compile()
  except jax.errors.JaxRuntimeError:  # A jaxlib without that option.
    return {}
  return dict(_CPU)

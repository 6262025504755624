r"""The steps of the product, compiled for TPU slices that are not here.

  python -m benchmarks.pod_compile --out=benchmarks/results/pods.json \
    --page=docs/pods.md

Needs libtpu and no TPU. For every case: memory of a chip, FLOP, bytes,
collectives, and the seconds that published peaks allow, which are computed and
not measured. Cases that are in --out already are kept, so that it may be
stopped; --again WORD... compiles those whose name has one of the words. Ends
with 1 where a rule of pod_rules is broken.
"""

import argparse
from collections.abc import Sequence
from importlib import metadata
import json
import os
import pathlib
import sys
import time
from typing import Any

# Before jax is imported: no TPU is looked for, none asked what it is, and
# several processes may compile at a time.
os.environ |= {'JAX_PLATFORMS': 'cpu', 'TPU_SKIP_MDS_QUERY': '1',
               'ALLOW_MULTIPLE_LIBTPU_LOAD': '1'}

from experiments.run import run_record
import jax
from jax.experimental import topologies

from benchmarks import (
  pod_cases,
  pod_chips,
  pod_collectives,
  pod_flops,
  pod_hlo,
  pod_page,
  pod_rules,
  pod_traffic,
)


def compiled(case: pod_cases.Case) -> dict[str, Any]:
  """What there is to know about a case."""
  return compiled_for(case, topologies.get_topology_desc(
      case.topology, 'tpu').devices)


def compiled_for(case: pod_cases.Case,
                 devices: Sequence[Any]) -> dict[str, Any]:
  """The same on any devices, here or not."""
  began = time.process_time()
  step = case.trace(devices)
  record = case.record() | {
      'chips': len(devices), 'gradient_bytes': step.gradient_bytes,
      'gallery_bytes': step.gallery_bytes, 'answer_bytes': step.answer_bytes}
  try:
    program = step.traced.lower().compile()
  except jax.errors.JaxRuntimeError as error:
    if 'RESOURCE_EXHAUSTED' not in str(error):
      raise
    return record | {'does_not_fit': ' '.join(str(error).split())[:200],
                     'cpu_s': time.process_time() - began}
  return record | measured(
      program, pod_flops.of(step.traced.jaxpr), case.chip, len(devices)) | {
          'cpu_s': time.process_time() - began}


def measured(program: Any, flops: pod_flops.Flops, chip: pod_chips.Chip,
             num_devices: int) -> dict[str, Any]:
  """Of a compiled program, all of one chip."""
  memory, cost = program.memory_analysis(), program.cost_analysis()
  parsed = pod_hlo.parse(program.as_text())
  hbm_bytes = pod_traffic.hbm_bytes(parsed)
  moved = pod_collectives.by_kind(pod_collectives.of(parsed, num_devices))
  sent = sum(kind['sent_bytes'] for kind in moved.values())
  line = pod_chips.roofline(
      chip, flops.passes / num_devices, hbm_bytes, sent)
  return {
      'memory': {
          'argument': memory.argument_size_in_bytes,
          'output': memory.output_size_in_bytes,
          'alias': memory.alias_size_in_bytes,
          'temp': memory.temp_size_in_bytes,
          'peak': memory.peak_memory_in_bytes},
      'flops': flops.useful / num_devices,
      'passes': flops.passes / num_devices,
      'hbm_bytes': hbm_bytes, 'xla_flops': cost['flops'],
      'xla_bytes_accessed': cost['bytes accessed'],
      'collectives': moved,
      'computed': {'compute_s': line.compute_s, 'memory_s': line.memory_s,
                   'links_s': line.links_s, 'seconds': line.seconds,
                   'bound': line.bound}}


def main() -> None:
  """Compiles what is missing, writes, checks."""
  parser = argparse.ArgumentParser(description=__doc__)
  parser.add_argument('--out', required=True, type=pathlib.Path)
  parser.add_argument('--page', type=pathlib.Path,
                      help='the Markdown page whose table is replaced')
  parser.add_argument('--only', nargs='*', default=[''],
                      help='cases whose name has one of these')
  parser.add_argument('--again', nargs='*', default=[],
                      help='compiled also if they are there')
  args = parser.parse_args()
  records = {}
  if args.out.exists():
    records = {record['name']: record for record in json.loads(
        args.out.read_text(encoding='utf-8'))['steps']}
  for case in pod_cases.CASES:
    is_there = case.name in records and not _named(case.name, args.again)
    if is_there or not _named(case.name, args.only):
      continue
    records[case.name] = compiled(case)
    print(pod_page.line(records[case.name]), flush=True)
    _write(args.out, records)
  listed = _ordered(records)
  if args.page:
    pod_page.write(args.page, listed)
  broken = pod_rules.broken(listed)
  for line in broken:
    print(f'error: {line}', file=sys.stderr)
  sys.exit(bool(broken))


def _named(name: str, words: Sequence[str]) -> bool:
  return any(word in name for word in words)


def _ordered(records: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
  return [records[case.name] for case in pod_cases.CASES
          if case.name in records]


def _write(path: pathlib.Path, records: dict[str, dict[str, Any]]) -> None:
  run_record.write_json(path, {
      'steps': _ordered(records), 'versions': run_record.versions() | {
          'libtpu': metadata.version('libtpu')}})


if __name__ == '__main__':
  main()

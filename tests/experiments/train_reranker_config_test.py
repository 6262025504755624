"""What the words after the name of the reranker's config change."""

from experiments.configs import train_reranker as config
import pytest


@pytest.mark.parametrize('kind', config.KINDS)
def test_presets_for_pods(kind):
  made = config.get_config(f'kind={kind},bf16,fsdp=8')
  assert (made.model.dtype, made.mesh.fsdp) == ('bfloat16', 8)
  usual = config.get_config(f'kind={kind}')
  assert (usual.model.dtype, usual.mesh.fsdp) == ('float32', 1)

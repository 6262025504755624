"""train_reranker that sends itself a signal; see signalled_training."""

from experiments import launch, progress, train_reranker

from tests.experiments import signalled_training

if __name__ == '__main__':
  progress.Steps = signalled_training.Steps
  launch.run(train_reranker.main, ('allow_config_change',), record=False)

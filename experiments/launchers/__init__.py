"""Scripts that start one command on many hosts: `experiments.launch_pod`."""

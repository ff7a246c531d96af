"""How fast Earshot is, as ratios to raw baselines measured in the same run."""

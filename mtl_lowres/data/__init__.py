"""From image files to batches: manifests, decoding, degradation, augmentation, pipelines."""

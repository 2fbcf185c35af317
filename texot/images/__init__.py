"""Tensors that are images: pyramids, patches, statistics, masks."""

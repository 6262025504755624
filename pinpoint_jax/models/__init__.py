"""Linen modules: the towers, the rerankers, the router, the ViT."""

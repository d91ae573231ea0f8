"""Galleries that grow: faces of both modalities in an embedded vector database."""

"""Why two faces are near or far: which regions of each raise and lower their similarity."""

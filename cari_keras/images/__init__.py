"""From a file to pixels, whoever asks: decoding, layouts, crops, and the same within a graph."""

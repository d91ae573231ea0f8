"""WebCaricature: its lists, its protocols' folds, and the dataset of one fold."""

"""Run-times other than TensorFlow: a module for each format, its file written and opened."""

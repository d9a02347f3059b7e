"""Images by optimization of the input of a trained network."""

"""The published protocols, and any pairs or gallery of one's own; each gives an `Outcome`."""

"""From raw pictures to aligned faces in TFRecords."""

"""Images as TFRecords: their schema, shards and manifest, and the folders of aligned faces."""

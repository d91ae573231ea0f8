"""The page of `cari-app`: a browser's way to ask a network, on this machine."""

"""The network: Inception-ResNet blocks, three branches and the weight head."""

"""What tests share; none of it is imported from a conftest or from another test."""
